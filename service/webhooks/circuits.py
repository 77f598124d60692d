"""The circuit watch: every webhook's circuit, address and includes against what they should be, as incidents.

30 failures in a row open a webhook's circuit, and it stays silent until somebody resets it.
https://docs.commercelayer.io/core/real-time-webhooks#circuit-breaker
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from service.incidents import Occurrence
from service.resources import Webhook
from service.store import incident_telling, incidents, webhook_secrets
from service.store.schema import incident_subjects
from service.store.schema import incidents as incidents_table
from service.webhooks.desired import Desired
from service.webhooks.installation import Installation
from service.webhooks.plan import Known, differences, is_ours

KIND = "circuit"
ACTOR = "circuit watch"
LEVELS = (5, 15, 25)
# The secret is not among them: who only watches need not see it.
FIELDS = (
    "name",
    "topic",
    "callback_url",
    "include_resources",
    "disabled_at",
    "circuit_state",
    "circuit_failure_count",
    "reference",
    "reference_origin",
    "created_at",
)
_FAILING = "{} of 30 failures in a row"
_OPEN, _DRIFTED, _DISABLED, _GONE = "circuit open", "webhook drifted", "webhook disabled", "webhook gone"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something to tell people: what it is about, what it is, and what to do."""

    subject: str
    cause: str
    detail: str = ""

    @property
    def identity(self) -> tuple[str, str]:
        """What makes it one incident."""
        return self.subject, self.cause


def troubles(
    wanted: Sequence[Desired],
    found: Iterable[Webhook],
    known: Known,
    remembered: Iterable[tuple[str, str]],
    already: AbstractSet[tuple[str, str]],
) -> list[Trouble]:
    """Say what is wrong. Pure.

    Args:
        wanted: what there should be.
        found: the webhooks of these topics.
        known: what the store knows.
        remembered: topic and id of every webhook whose secret is kept.
        already: what is told already, by identity.
    """
    by_topic = {one.topic: one for one in wanted}
    there, told = set[str](), list[Trouble]()
    for webhook in found:
        there.add(webhook.id)
        one = by_topic.get(webhook.topic or "")
        if one is None:
            continue
        ours = is_ours(webhook, one.reference, known.webhooks)
        if ours or webhook.callback_url == one.callback_url:
            told += _circuit(webhook, already)
            if webhook.disabled_at is not None and webhook.id in known.settling:
                continue
            if one.topic not in known.rotating:
                told += _drift(webhook, one) if ours else _disabled(webhook, "enable it in the dashboard")
    gone = [(topic, id_) for topic, id_ in remembered if id_ not in there and topic in by_topic]
    told += [
        Trouble(f"webhooks/{id_}", _GONE, f"{topic}: it was deleted. `copydesk webhooks apply` makes it anew.")
        for topic, id_ in gone
        if topic not in known.rotating
    ]
    return told


def _circuit(webhook: Webhook, already: AbstractSet[tuple[str, str]]) -> list[Trouble]:
    """The highest level that was reached, and the lower ones that were told before: one message for each step up."""
    subject, count = f"webhooks/{webhook.id}", webhook.circuit_failure_count or 0
    if webhook.circuit_state == "open":
        advice = f"Nothing comes until it is closed: mend the cause, then `copydesk recover {webhook.topic}`."
        top = [Trouble(subject, _OPEN, f"{webhook.topic}: {advice}")]
    else:
        top = []
    reached = [level for level in LEVELS if count >= level]
    detail = f"{webhook.topic}: at 30 the provider stops it. See `copydesk doctor`, and the log of `copydesk serve`."
    levels = [Trouble(subject, _FAILING.format(level), detail) for level in reached]
    newest = [] if top else levels[-1:]
    return top + [one for one in levels if one in newest or one.identity in already]


def _drift(webhook: Webhook, wanted: Desired) -> list[Trouble]:
    differs = "; ".join(differences(wanted, webhook))
    told = f"{webhook.topic}: {differs}. `copydesk webhooks apply` puts it back."
    drifted = [Trouble(f"webhooks/{webhook.id}", _DRIFTED, told)] if differs else []
    return drifted + _disabled(webhook, "`copydesk webhooks apply` enables it")


def _disabled(webhook: Webhook, advice: str) -> list[Trouble]:
    if webhook.disabled_at is None:
        return []
    told = f"{webhook.topic}: disabled at {webhook.disabled_at:%Y-%m-%d %H:%M} UTC, it tells nothing; {advice}."
    return [Trouble(f"webhooks/{webhook.id}", _DISABLED, told)]


def watch(site: Installation) -> list[Trouble]:
    """Look once: a page of 25 webhooks for each read, one transaction where anything changed.

    Returns:
        What is wrong now.

    Raises:
        Refused, Unavailable: as every call; then nothing is known, and nothing is changed.
        StoreUnavailable: the store cannot be used.
    """
    wanted = site.wanted
    known = site.known()
    with site.store.read() as connection:
        remembered = [(row.topic, row.webhook_id) for row in webhook_secrets.current(connection)]
    topics = sorted({one.topic for one in wanted})
    found = list(site.client.webhooks.list(filters={"topic_in": topics}, fields=FIELDS).items())
    with site.store.read() as connection:
        already = _open(connection)
    now_wrong = troubles(wanted, found, known, remembered, already)
    _tell(site, now_wrong, already)
    return now_wrong


def _tell(site: Installation, wrong: Sequence[Trouble], already: AbstractSet[tuple[str, str]]) -> None:
    """Make each cause one incident that affects these webhooks; what is known already is not counted with every look.

    An outage hits every topic alike: people hear of it once, and of its end.
    """
    now = datetime.now(UTC)
    with site.store.read() as connection:
        lost = incident_telling.untold(connection, KIND, now)
    if {one.identity for one in wrong} == already and not lost:
        return
    by_cause: dict[str, dict[str, str]] = {cause: {} for _, cause in sorted(already)}
    for one in wrong:
        by_cause.setdefault(one.cause, {})[one.subject] = one.detail
    with site.store.write() as connection:
        for cause, affected in by_cause.items():
            incidents.align(connection, Occurrence(KIND, "webhooks", cause, ""), affected, now, ACTOR)


def _open(connection: sa.Connection) -> frozenset[tuple[str, str]]:
    i, s = incidents_table.c, incident_subjects.c
    query = sa.select(s.subject, i.cause).join(incident_subjects, s.incident_id == i.id)
    query = query.where(i.kind == KIND, i.status == "open", s.cured_at.is_(None))
    return frozenset((subject, cause) for subject, cause in connection.execute(query))
