"""Rotating a webhook's secret: a second webhook on the topic, both accepted, the first deleted when the second is seen.

Which step is next is decided from what is true now, at the provider and in the store; so it may be taken up again
after a crash at any point, by a worker's schedule or by calling the command again, and by both at once.
The provider's own way, `_regenerate_shared_secret`, ends the old secret at once and is deprecated.
https://docs.commercelayer.io/api/resources/webhooks
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from service.errors import Refused
from service.resources import Webhook
from service.store import webhook_rotations, webhook_secrets
from service.store.audit import entry, write_audit
from service.store.webhook_rotations import RotationRow
from service.store.webhook_secrets import SecretRow
from service.webhooks import apply, desired
from service.webhooks.installation import Installation

Move = Literal["create", "store secret", "enable", "delete", "finish", "wait", "refused"]
# How long a webhook that still fails is left in place, for its retries: how they are spread is not public.
RETRIES_END = timedelta(hours=1)
PICKING_UP = "until every web process has the new secret"
_TAKEN = "VALIDATION_ERROR"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true now.

    Attributes:
        old: the webhook that is to go; None where it is gone.
        new: the one that takes its place; None where it is not there yet.
        secret: the new one's secret as kept.
    """

    old: Webhook | None
    new: Webhook | None
    secret: SecretRow | None


@dataclass(frozen=True, slots=True)
class Next:
    """What to do, or what to wait for, in words."""

    move: Move
    why: str


def decide(facts: Facts, now: datetime, picked_up: timedelta) -> Next:
    """Say what comes next. Pure."""
    if facts.new is None:
        return Next("create", "there is no second webhook yet")
    if facts.secret is None:
        return Next("store secret", "the second webhook's secret is not in the store")
    if facts.new.disabled_at is None:
        return _succeed(facts, facts.secret, now)
    if now < facts.secret.created_at + picked_up:
        return Next("wait", PICKING_UP)
    return Next("enable", "every web process has the new secret")


def _succeed(facts: Facts, secret: SecretRow, now: datetime) -> Next:
    """Both post: may the first one go?"""
    if facts.old is None:
        return Next("finish", "the first webhook is gone")
    if secret.seen_at is None:
        return Next("wait", "for the first event under the new secret")
    if facts.old.circuit_failure_count and now < secret.seen_at + RETRIES_END:
        return Next("wait", "for what the first webhook tries again")
    return Next("delete", "events come under the new secret")


def begin(site: Installation, topic: str, webhook_id: str) -> bool:
    """Begin a rotation; one that is under way goes on as it is.

    Returns:
        Whether it is new.
    """
    now = datetime.now(UTC)
    with site.store.write() as connection:
        is_new = webhook_rotations.begin(connection, topic, webhook_id, site.actor, now)
        if is_new:
            told = {"topic": topic, "reason": site.reason}
            write_audit(connection, [entry(now, f"webhooks/{webhook_id}", site.actor, "webhook.rotation_begun", told)])
    return is_new


def advance(site: Installation) -> list[tuple[RotationRow, Next]]:
    """Take every rotation as far as it goes now; one that the provider refuses does not keep the others back.

    Returns:
        Each rotation with where it stands: what it waits for, why it was refused, or that it is finished.

    Raises:
        OutcomeUnknown, Unavailable: as every call; what was done stays done.
        Refused: the webhooks cannot be listed.
        ConfigurationError: the public address or the encryption keys are not set.
    """
    with site.store.read() as connection:
        rotations = webhook_rotations.under_way(connection)
    if not rotations:
        return []
    found = list(site.client.webhooks.list(filters={"topic_in": sorted({r.topic for r in rotations})}).items())
    return [(rotation, _advance(site, rotation, found)) for rotation in rotations]


def _advance(site: Installation, rotation: RotationRow, found: Sequence[Webhook]) -> Next:
    """Move until it waits or is done; every move changes the facts that the next one is decided from."""
    try:
        next_ = _as_far_as_it_goes(site, rotation, found)
    except Refused as refused:
        next_ = Next("refused", str(refused))
    if next_.move != "finish":
        _note_wait(site, rotation, next_.why)
    return next_


def _as_far_as_it_goes(site: Installation, rotation: RotationRow, found: Sequence[Webhook]) -> Next:
    facts = _facts(site, rotation, found)
    while True:
        next_ = decide(facts, datetime.now(UTC), site.picked_up)
        if next_.move == "wait":
            return next_
        if next_.move == "finish":
            _finish(site, rotation)
            return next_
        facts = _move(site, rotation, facts, next_.move)


def _move(site: Installation, rotation: RotationRow, facts: Facts, move: Move) -> Facts:
    old, new = facts.old, facts.new
    if new is None:
        new = _create(site, rotation)
    elif move == "store secret":
        site.store_secret(rotation.topic, new)
    elif move == "enable":
        apply.enable(site, rotation.topic, new.id)
        new = site.client.webhooks.retrieve(new.id).value
    elif move == "delete":
        apply.delete(site, rotation.topic, rotation.old_webhook_id)
        old = None
    return Facts(old, new, _secret(site, new.id))


def _create(site: Installation, rotation: RotationRow) -> Webhook:
    wanted = desired.one(site.settings.public_url, rotation.topic)
    name = desired.name_of_successor(wanted, rotation.id)
    try:
        made = apply.create(site, wanted, name)
    except Refused as refused:
        # Its name is taken: another process made it since we looked.
        known = list(site.client.webhooks.list(filters={"name_eq": name}).items())
        if refused.code != _TAKEN or not known:
            raise
        made = known[0]
    now = datetime.now(UTC)
    with site.store.write() as connection:
        webhook_rotations.note_new(connection, rotation.id, made.id, now)
    return made


def _facts(site: Installation, rotation: RotationRow, found: Sequence[Webhook]) -> Facts:
    name = desired.name_of_successor(desired.one(site.settings.public_url, rotation.topic), rotation.id)
    old = next((one for one in found if one.id == rotation.old_webhook_id), None)
    new = next((one for one in found if one.id == rotation.new_webhook_id or one.name == name), None)
    return Facts(old, new, _secret(site, new.id) if new else None)


def _secret(site: Installation, webhook_id: str) -> SecretRow | None:
    with site.store.read() as connection:
        return next((row for row in webhook_secrets.current(connection) if row.webhook_id == webhook_id), None)


def _note_wait(site: Installation, rotation: RotationRow, why: str) -> None:
    if rotation.waits_for != why:
        with site.store.write() as connection:
            webhook_rotations.note_wait(connection, rotation.id, why, datetime.now(UTC))


def _finish(site: Installation, rotation: RotationRow) -> None:
    # Gone by other hands, its secret is retired here.
    site.retire(rotation.topic, rotation.old_webhook_id)
    now = datetime.now(UTC)
    with site.store.write() as connection:
        if webhook_rotations.finish(connection, rotation.id, now):
            told = {"topic": rotation.topic, "old": rotation.old_webhook_id, "reason": site.reason}
            subject = f"webhooks/{rotation.new_webhook_id or rotation.old_webhook_id}"
            write_audit(connection, [entry(now, subject, site.actor, "webhook.rotated", told)])
