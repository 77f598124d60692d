"""From how webhooks stand to how they should be. Every step may be repeated, and what a crash left is found again.

A new webhook is made disabled. Its secret is stored, every web process is given the time to take it over, and only
then it may post: so nothing that it signs is ever turned away, and nothing counts towards its circuit breaker.
https://docs.commercelayer.io/core/real-time-webhooks
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from service.errors import Refused
from service.resources import Webhook
from service.store import webhook_secrets
from service.webhooks.desired import ORIGIN, Desired
from service.webhooks.installation import Installation
from service.webhooks.plan import Standing, Step

NOT_FOUND = "RECORD_NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Taken:
    """One step that was taken."""

    topic: str
    step: Step
    webhook_id: str


def prepare(site: Installation, standings: Iterable[Standing], *, prune: bool = False) -> Iterator[Taken]:
    """Take every step but enabling, one after another, and tell of each.

    Args:
        site: the installation.
        standings: as surveyed.
        prune: whether what is extra is deleted.

    Raises:
        Refused: the provider says no; what was done before stays done.
        OutcomeUnknown: it may have been done; surveying again shows it.
        Unavailable: it was certainly not done.
        ConfigurationError: there is no encryption key; nothing was done.
    """
    carry_out: dict[Step, Callable[[Installation, Standing], str]] = {
        "create": _create,
        "mend": _mend,
        "store secret": _store_secret,
        "delete": _delete,
    }
    for standing in standings:
        for step in standing.steps(prune=prune):
            if step in carry_out:
                yield Taken(standing.topic, step, carry_out[step](site, standing))


def to_enable(standings: Iterable[Standing]) -> list[tuple[str, str]]:
    """Topic and id of every webhook that waits to be enabled."""
    silent = [one for one in standings if "enable" in one.steps() and "no secret" not in one.states]
    return [(one.topic, one.webhook.id) for one in silent if one.webhook is not None]


def may_post_from(site: Installation, webhook_ids: Iterable[str]) -> datetime | None:
    """When every web process has the secrets of these webhooks; None where the store has none of them."""
    ids = frozenset(webhook_ids)
    with site.store.read() as connection:
        stored = [row.created_at for row in webhook_secrets.current(connection) if row.webhook_id in ids]
    return max(stored) + site.picked_up if stored else None


def enable(site: Installation, topic: str, webhook_id: str) -> Taken:
    """Let a webhook post; for one that posts already it changes nothing.

    Raises:
        Refused, OutcomeUnknown, Unavailable: as `prepare`.
    """
    site.client.webhooks.enable(webhook_id)
    site.note(webhook_id, "webhook.enabled", topic=topic)
    return Taken(topic, "enable", webhook_id)


def create(site: Installation, wanted: Desired, name: str) -> Webhook:
    """Make a webhook that does not post yet, and store its secret.

    Raises:
        Refused: such as VALIDATION_ERROR, where somebody made one of this name meanwhile.
    """
    made = site.client.webhooks.create(
        wanted.topic,
        wanted.callback_url,
        disabled=True,
        name=name,
        include_resources=[*wanted.include_resources],
        reference=wanted.reference,
        reference_origin=ORIGIN,
    ).value
    site.note(made.id, "webhook.created", topic=wanted.topic)
    site.store_secret(wanted.topic, made)
    return made


def delete(site: Installation, topic: str, webhook_id: str) -> None:
    """Delete a webhook and retire its secret; one that is gone already is as good as deleted."""
    try:
        site.client.webhooks.delete(webhook_id)
    except Refused as refused:
        if refused.code != NOT_FOUND:
            raise
    site.retire(topic, webhook_id)


def retire_lost(site: Installation, standings: Iterable[Standing], surveyed_at: datetime) -> list[str]:
    """Retire the secrets of webhooks that the provider does not have any more.

    Args:
        site: the installation.
        standings: as surveyed: every webhook of ours is among them.
        surveyed_at: when the survey began; what was stored since is left alone.

    Returns:
        The topics concerned.
    """
    there = {one.webhook.id for one in standings if one.webhook is not None}
    with site.store.read() as connection:
        rows = webhook_secrets.current(connection)
    lost = [row for row in rows if row.webhook_id not in there and row.created_at < surveyed_at]
    for row in lost:
        site.retire(row.topic, row.webhook_id)
    return [row.topic for row in lost]


def _create(site: Installation, standing: Standing) -> str:
    wanted = _wanted(standing)
    return create(site, wanted, wanted.name).id


def _mend(site: Installation, standing: Standing) -> str:
    wanted, webhook = _wanted(standing), _webhook(standing)
    site.client.webhooks.update(
        webhook.id,
        callback_url=wanted.callback_url,
        include_resources=[*wanted.include_resources],
        reference=wanted.reference,
        reference_origin=ORIGIN,
    )
    site.note(webhook.id, "webhook.mended", topic=wanted.topic, differences="; ".join(standing.differences))
    return webhook.id


def _store_secret(site: Installation, standing: Standing) -> str:
    site.store_secret(standing.topic, _webhook(standing))
    return _webhook(standing).id


def _delete(site: Installation, standing: Standing) -> str:
    delete(site, standing.topic, _webhook(standing).id)
    return _webhook(standing).id


def _wanted(standing: Standing) -> Desired:
    if standing.wanted is None:
        raise LookupError("a webhook that should not be")
    return standing.wanted


def _webhook(standing: Standing) -> Webhook:
    if standing.webhook is None:
        raise LookupError("a webhook that is not there")
    return standing.webhook
