"""Recovering from an outage: reset the circuits, let in what was missed, and say what that came to.

May be broken off anywhere and done again: where it began is kept before anything is done, and forgotten last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from service.clients.listing import Page
from service.errors import NotFound
from service.incidents import lasted
from service.outcomes import Param, alert
from service.resources import OrderFactory, Webhook
from service.store import queries, watermarks
from service.store.audit import entry, write_audit
from service.store.record import plan
from service.sweep.feeding import Site
from service.sweep.finds import look
from service.sweep.ledgers import FORGOTTEN_AFTER, our_webhooks
from service.sweep.passing import ABOUT, Progress, sweep
from service.sweep.proof import Proof
from service.sweep.proving import Seen, prove

MARK = "recovery"
# Before the last event that came: what was fired then may have been refused already.
MARGIN = timedelta(minutes=15)
# Where nothing ever came.
FIRST_LOOK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Card:
    """What a recovery came to, told by what is kept since it began, whoever was interrupted meanwhile.

    Attributes:
        since: when the silence began, less a margin.
        late: events that webhooks told since the recovery began and that are older than it.
        backfilled: events that were let in by asking the API.
        duplicates: deliveries of events that were known.
        actions: what was done, in words.
        proof: whether nothing is missing now.
    """

    since: datetime
    ended: datetime
    late: int
    backfilled: int
    duplicates: int
    actions: tuple[str, ...]
    proof: Proof

    @property
    def duration(self) -> str:
        """How long it was, from the last event before the silence to now."""
        return lasted(self.ended - self.since)


def recover(
    site: Site,
    topic: str | None = None,
    *,
    since: datetime | None = None,
    actor: str,
    progress: Progress = lambda _page: None,
) -> Card:
    """Reset the circuit of one topic, or of all, and let in what was missed.

    Raises:
        NotFound: no webhook of ours has the topic.
        Refused, Unavailable: the API; do it again, it goes on where it was.
        StoreUnavailable: as `Store.write`, likewise.
    """
    webhooks = our_webhooks(site)
    if topic is not None and topic not in {one.topic for one in webhooks}:
        raise NotFound(f"the provider has no webhook of {topic} that posts to Copydesk")
    chosen = [one for one in webhooks if topic in (None, one.topic)]
    mark = _begin(site, since or _silent_since(site, chosen), actor)
    actions = _reset(site, chosen, actor)
    seen = Seen()

    def note(page: Page[OrderFactory]) -> None:
        seen.take(site, page)
        progress(page)

    swept = sweep(site, mark.at, actor=actor, progress=note)
    actions.append(f"asked for what changed since {mark.at:%Y-%m-%d %H:%M} UTC ({swept.listed} factories)")
    proof = prove(site, mark.at, datetime.now(UTC), backfill=True, actor=actor, swept=seen)
    found = look(site)
    if found.gone:
        actions.append(f"found {len(found.gone)} deleted")
    return _end(site, mark, tuple(actions), proof, actor)


def _silent_since(site: Site, chosen: Sequence[Webhook]) -> datetime:
    """When the silent webhooks last told anything; where none ever did, as far back as a first look goes.

    A webhook that still tells says nothing about one that is silent, so the open circuits alone are asked. Where none
    is open, everything was silent together, and whatever came last tells when that began. Further back than the
    provider remembers nothing could be proven.
    """
    silent = [one for one in chosen if one.circuit_state == "open"]
    with site.store.read() as connection:
        heard = [queries.last_heard(connection, str(one.topic)) for one in silent or chosen]
    now = datetime.now(UTC)
    times = [at for at in heard if at is not None]
    if silent and len(times) < len(silent):
        times.append(now - FIRST_LOOK)
    began = (min if silent else max)(times, default=now - FIRST_LOOK)
    return max(began - MARGIN, now - FORGOTTEN_AFTER + MARGIN)


def _begin(site: Site, since: datetime, actor: str) -> watermarks.Watermark:
    """Keep where it begins: after a reset, new events would hide where the silence began."""
    now = datetime.now(UTC)
    with site.store.write() as connection:
        mark = watermarks.begin(connection, MARK, since, now)
        detail: dict[str, Param] = {"since": mark.at.isoformat(timespec="seconds"), "again": mark.moved_at != now}
        write_audit(connection, [entry(now, ABOUT, actor, "recovery.began", detail)])
    return mark


def _reset(site: Site, chosen: Sequence[Webhook], actor: str) -> list[str]:
    """Close the circuits that are open.

    https://docs.commercelayer.io/core/real-time-webhooks#circuit-breaker
    """
    actions = []
    for one in chosen:
        if one.circuit_state != "open":
            continue
        site.wait_for("PATCH webhooks")
        site.client.webhooks.reset_circuit(one.id)
        now = datetime.now(UTC)
        with site.store.write() as connection:
            told: dict[str, Param] = {"topic": one.topic}
            write_audit(connection, [entry(now, f"webhooks/{one.id}", actor, "webhook.circuit_reset", told)])
        actions.append(f"reset the circuit of {one.topic}")
    return actions


def _end(site: Site, mark: watermarks.Watermark, actions: tuple[str, ...], proof: Proof, actor: str) -> Card:
    """Count, tell people once, and forget where it began."""
    now = datetime.now(UTC)
    with site.store.write() as connection:
        counts = queries.came_since(connection, mark.moved_at)
        card = Card(mark.at, now, counts.late, counts.swept, counts.redelivered, actions, proof)
        detail: dict[str, Param] = {
            "duration": card.duration,
            "late": card.late,
            "backfilled": card.backfilled,
            "duplicates": card.duplicates,
            "proof": proof.verdict,
            "actions": "; ".join(actions),
        }
        told = [f"{name} {value}" for name, value in detail.items() if name not in ("duration", "actions")]
        reason = f"{', '.join(told)}; {detail['actions']}"
        cause = f"recovery {mark.moved_at.isoformat(timespec='seconds')}"
        plan(connection, alert(ABOUT, cause, reason=reason, lasted=card.duration), now, actor)
        write_audit(connection, [entry(now, ABOUT, actor, "recovery.ended", detail)])
        # Where it could not be told whether anything is missing, the next run has to begin where this one did.
        if proof.verdict != "unknown":
            watermarks.drop(connection, MARK)
    return card
