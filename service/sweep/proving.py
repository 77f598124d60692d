"""Making the proof: read the three ledgers, compare them, mend on request, write it down."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from service.clients.listing import Page
from service.errors import OutsideError, Unavailable
from service.outcomes import Param
from service.resources import FACTORY_TYPES, OrderFactory
from service.store import incidents, queries, watermarks
from service.store.audit import entry, write_audit
from service.sweep.feeding import Site, arrival, feed_all
from service.sweep.finds import is_stuck, present, recheck
from service.sweep.ledgers import FORGOTTEN_AFTER, MARGIN, fired, our_webhooks
from service.sweep.paging import changed
from service.sweep.passing import ABOUT
from service.sweep.proof import Fired, Proof, lacking
from service.sweep.telling import body_of, topic_of

KIND, CAUSE = "proof", "the proof of completeness found gaps"
# The mark of where the gaps of the open incident begin.
GAPS = "gaps"
# How often a list is begun again where our own workers had taken the room for a request, and how long it waits.
_PATIENCE, _LONGEST_PAUSE = 4, 60.0


@dataclass
class Seen:
    """The third ledger as it is read: the factories that changed, page by page."""

    listed: set[str] = field(default_factory=set)
    unlike: list[str] = field(default_factory=list)
    aborted: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    backfilled: int = 0

    def take(self, site: Site, page: Page[OrderFactory]) -> list[OrderFactory]:
        """Note the factories of a page; they are returned."""
        before = datetime.now(UTC) - timedelta(minutes=site.settings.stuck_minutes)
        factories = [one for one in page.items if one.type in FACTORY_TYPES]
        self.listed |= {one.subject for one in factories}
        self.aborted += [one.subject for one in factories if one.status == "aborted"]
        self.stuck += [one.subject for one in factories if is_stuck(one, before)]
        return factories


def prove(
    site: Site,
    begin: datetime,
    end: datetime,
    *,
    backfill: bool = False,
    actor: str = "prover",
    swept: Seen | None = None,
) -> Proof:
    """Compare what was fired, what we have, and how the factories stand now.

    Args:
        site: what it needs.
        begin: the time to speak about, from here
        end: to here.
        backfill: let in what is missing.
        actor: who asks, for the audit trail.
        swept: the third ledger, where a sweep of this time has just read it.

    Raises:
        StoreUnavailable: as `Store.write`. Trouble with the API is a doubt of the proof.
    """
    proof = Proof(begin, end, doubts=_doubts(begin))
    try:
        proof = _callbacks_patiently(site, proof, backfill=backfill)
        seen = swept or _list(site, proof, backfill=backfill)
        proof = _factories(site, proof, seen, backfill=backfill)
    except OutsideError as error:
        proof = replace(proof, doubts=(*proof.doubts, str(error)))
    _write_down(site, proof, actor)
    return proof


def _doubts(begin: datetime) -> tuple[str, ...]:
    if datetime.now(UTC) - begin > FORGOTTEN_AFTER:
        return ("the provider keeps its event callbacks for one month only",)
    return ()


def _list(site: Site, proof: Proof, *, backfill: bool) -> Seen:
    """Read the third ledger: how the factories stand that changed in this time."""
    seen = Seen()
    for page in changed(site, proof.begin, proof.end):
        news = site.news(seen.take(site, page))
        if backfill and news:
            arrivals = [arrival(site, topic_of(one), body_of(one), page.request_id) for one in news]
            seen.backfilled += feed_all(site, arrivals)
            news = site.news(news)
        seen.unlike += [f"{one.subject}: {one.status}" for one in news]
    return seen


def _factories(site: Site, proof: Proof, seen: Seen, *, backfill: bool) -> Proof:
    gone, mended = _gone(site, proof, seen.listed, backfill=backfill)
    return replace(
        proof,
        factories=len(seen.listed),
        unlike=tuple(seen.unlike),
        gone=tuple(gone),
        aborted=tuple(sorted(set(seen.aborted))),
        stuck=tuple(sorted(set(seen.stuck))),
        backfilled=proof.backfilled + seen.backfilled + mended,
    )


def _gone(site: Site, proof: Proof, listed: set[str], *, backfill: bool) -> tuple[list[str], int]:
    """Factories that we know to have changed in this time, and that the provider does not have any more."""
    with site.store.read() as connection:
        known = set(queries.changed_between(connection, proof.begin, proof.end)) - listed
    if backfill:
        return [], recheck(site, known)[2]
    return [subject for _, away in present(site, known) for subject in away], 0


def _callbacks_patiently(site: Site, proof: Proof, *, backfill: bool) -> Proof:
    """Read the provider's ledger, and once more from its beginning where others had taken the room for a request."""
    for _ in range(_PATIENCE):
        try:
            return _callbacks(site, proof, backfill=backfill)
        except Unavailable as error:
            # Only the limits that we keep ourselves: what the provider answers is for whoever asked.
            if error.status is not None or error.retry_after is None:
                raise
            site.pause(min(error.retry_after, _LONGEST_PAUSE))
    return _callbacks(site, proof, backfill=backfill)


def _callbacks(site: Site, proof: Proof, *, backfill: bool) -> Proof:
    """The first two ledgers: what was fired at our webhooks, and what of it we have."""
    webhooks = our_webhooks(site)
    if not webhooks:
        return replace(proof, doubts=(*proof.doubts, "the provider has no webhook that posts to /webhooks/TOPIC"))
    ledger: dict[bytes, Fired] = {}
    for some in fired(site, webhooks, proof.begin - MARGIN, proof.end + MARGIN):
        for one in some:
            ledger.setdefault(one.key, one)
    inside = [one for one in ledger.values() if proof.begin <= one.at <= proof.end]
    missing, covered = _missing(site, inside)
    backfilled = proof.backfilled
    if backfill and missing:
        arrivals = [arrival(site, one.topic, one.body) for one in missing]
        backfilled += feed_all(site, arrivals)
        missing, covered = _missing(site, inside)
    topics = {one.topic for one in webhooks}
    with site.store.read() as connection:
        heard = queries.heard_between(connection, proof.begin, proof.end)
    extra = [f"{topic} {subject}" for key, topic, subject in heard if topic in topics and key not in ledger]
    return replace(
        proof,
        fired=len(inside),
        received=len(inside) - len(missing) - covered,
        covered=covered,
        missing=tuple(one.name for one in missing),
        extra=tuple(extra),
        backfilled=backfilled,
    )


def _missing(site: Site, inside: list[Fired]) -> tuple[list[Fired], int]:
    kept: set[bytes] = set()
    suspects = [one for one in inside if one.body]
    for first in range(0, len(suspects), 500):
        with site.store.read() as connection:
            kept |= queries.known_keys(connection, {one.key for one in suspects[first : first + 500]})
    absent = [one for one in suspects if one.key not in kept]
    return lacking(absent, kept, site.states({one.subject for one in absent}))


def _write_down(site: Site, proof: Proof, actor: str) -> None:
    """An audit entry; gaps are an incident until a proof finds none."""
    now = datetime.now(UTC)
    counts: dict[str, Param] = {
        name: len(getattr(proof, name)) for name in ("missing", "extra", "unlike", "gone", "aborted", "stuck")
    }
    told: dict[str, Param] = {
        "from": proof.begin.isoformat(timespec="seconds"),
        "to": proof.end.isoformat(timespec="seconds"),
        "verdict": proof.verdict,
        "fired": proof.fired,
        "received": proof.received,
        "backfilled": proof.backfilled,
        **counts,
    }
    with site.store.write() as connection:
        write_audit(connection, [entry(now, ABOUT, actor, "proved", told)])
        about = {"kind": KIND, "subject": ABOUT, "cause": CAUSE, "now": now, "actor": actor}
        # Gaps are mended by a proof that reaches back to where they were, not by one about another time.
        open_since = watermarks.watermark(connection, GAPS)
        if proof.verdict == "gaps":
            watermarks.begin(connection, GAPS, proof.begin, now)
            gaps = ", ".join(f"{counts[name]} {name}" for name in ("missing", "unlike", "gone") if counts[name])
            advice = f"{gaps}; mend it with copydesk prove --backfill"
            incidents.occur(connection, detail=advice, **about)  # type: ignore[arg-type]
        elif proof.verdict == "complete" and (open_since is None or proof.begin <= open_since.at):
            incidents.resolve(connection, **about)  # type: ignore[arg-type]
            watermarks.drop(connection, GAPS)
