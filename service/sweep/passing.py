"""One pass over the factories that changed: page after page through the door, the watermark behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import ceil

import sqlalchemy as sa

from service.arrivals import Receipt
from service.clients.listing import Page
from service.errors import Unavailable
from service.outcomes import Param
from service.resources import FACTORY_TYPES, OrderFactory
from service.resources.reference import LARGEST_PAGE
from service.store import watermarks
from service.store.audit import entry, write_audit
from service.sweep.feeding import Site, arrival, feed
from service.sweep.paging import changed
from service.sweep.telling import body_of, topic_of

WATERMARK = "order_factories"
# The subject of the audit trail under which sweeps, proofs and recoveries stand.
ABOUT = "copydesk/sweep"
ACTOR = "sweep"
# What the provider wrote a moment before may be listed a moment after: each pass begins before the last one's end.
OVERLAP = timedelta(minutes=5)
# Where nobody ever swept.
FIRST_LOOK = timedelta(days=1)
# Failures in a row, and seconds after one of them.
_PATIENCE, _LONGEST_PAUSE = 4, 60.0


@dataclass(frozen=True, slots=True)
class Swept:
    """What a pass came to.

    Attributes:
        since: from when on it looked.
        pages, listed: what the API gave.
        events: those of which nobody had told us; with `dry_run` those that would be events.
        redelivered: told under an event that was kept already.
        apart: answers that went to quarantine.
        subjects: of the events, as far as they are shown.
    """

    since: datetime
    pages: int = 0
    listed: int = 0
    events: int = 0
    redelivered: int = 0
    apart: int = 0
    dry_run: bool = False
    subjects: tuple[str, ...] = field(default=())

    def plus(self, page: Page[OrderFactory], told: list[tuple[OrderFactory, Receipt]]) -> Swept:
        """With one page more."""
        verdicts = [receipt.verdict for _, receipt in told]
        new = tuple(f"{one.subject}: {one.status}" for one, receipt in told if receipt.verdict == "event")
        return replace(
            self,
            pages=self.pages + 1,
            listed=self.listed + len(page.items),
            events=self.events + verdicts.count("event"),
            redelivered=self.redelivered + verdicts.count("redelivery"),
            apart=self.apart + verdicts.count("quarantine"),
            subjects=(self.subjects + new)[:100],
        )


Progress = Callable[[Page[OrderFactory]], object]


def begin(site: Site, since: datetime | None) -> datetime:
    """From when on a pass looks: as told, or from the watermark with its overlap."""
    if since is not None:
        return since
    with site.store.read() as connection:
        mark = watermarks.watermark(connection, WATERMARK)
    return mark.at - OVERLAP if mark else datetime.now(UTC) - FIRST_LOOK


def sweep(
    site: Site,
    since: datetime | None = None,
    *,
    dry_run: bool = False,
    actor: str = ACTOR,
    progress: Progress = lambda _page: None,
) -> Swept:
    """List what changed, and let in what we do not know. May be broken off anywhere and done again.

    Args:
        site: what it needs.
        since: from when on; None goes on from the watermark.
        dry_run: say what would come in, and write nothing.
        actor: who sweeps, for the audit trail.
        progress: is told of every page.

    Raises:
        Refused, Unavailable: the API; what was kept stays kept, and the watermark with it.
        Stopped: likewise.
        StoreUnavailable: as `Store.write`, likewise.
    """
    since = begin(site, since)
    started = datetime.now(UTC)
    swept = Swept(since, dry_run=dry_run)
    enough = 0
    for page in _steadily(site, since):
        enough = enough or _enough(page)
        swept = swept.plus(page, _take(site, page, since, dry_run=dry_run))
        progress(page)
        # A busy provider must not hold a pass for ever: what changes meanwhile is the next one's.
        if _newest(page, since) > started and swept.pages >= enough:
            break
    if not dry_run:
        _ended(site, swept, started, actor)
    return swept


def _steadily(site: Site, since: datetime) -> Iterator[Page[OrderFactory]]:
    """The pages of what changed; after trouble on from the last row that was read."""
    at, troubles = since, 0
    while True:
        try:
            for page in changed(site, at):
                yield page
                at, troubles = _newest(page, at), 0
        except Unavailable as error:
            troubles += 1
            if troubles > _PATIENCE:
                raise
            site.pause(min(error.retry_after or 2.0**troubles, _LONGEST_PAUSE))
        else:
            return


def _newest(page: Page[OrderFactory], otherwise: datetime) -> datetime:
    return max((one.updated_at for one in page.items if one.updated_at), default=otherwise)


def _enough(page: Page[OrderFactory]) -> int:
    """How many pages are enough, by the first one: what there was, and a tenth more."""
    return ceil((page.record_count or 0) / LARGEST_PAGE * 1.1) + 1


def _take(
    site: Site, page: Page[OrderFactory], since: datetime, *, dry_run: bool
) -> list[tuple[OrderFactory, Receipt]]:
    """Let in the news of one page; the watermark moves in the same transaction."""
    factories = [one for one in page.items if one.type in FACTORY_TYPES]
    news = site.news(factories)
    if dry_run:
        return [(one, Receipt("event")) for one in news]
    arrivals = [arrival(site, topic_of(one), body_of(one), page.request_id) for one in news]
    times = [one.updated_at for one in page.items if one.updated_at]
    now = datetime.now(UTC)

    def move(connection: sa.Connection) -> None:
        if times:
            _move(connection, since, max(times), now)

    if not arrivals and not times:
        return []
    return list(zip(news, feed(site, arrivals, move), strict=True))


def _move(connection: sa.Connection, since: datetime, at: datetime, now: datetime) -> None:
    """Move the watermark, unless this pass began behind it: then what lies between was not looked at."""
    mark = watermarks.watermark(connection, WATERMARK)
    if since <= (mark.at if mark else now - FIRST_LOOK):
        watermarks.advance_to(connection, WATERMARK, at, now)


def _ended(site: Site, swept: Swept, started: datetime, actor: str) -> None:
    """Write down a pass that found something, or that a person asked for; the rest would only fill the trail."""
    if actor == ACTOR and not swept.events:
        return
    detail: dict[str, Param] = {
        "since": swept.since.isoformat(timespec="seconds"),
        "listed": swept.listed,
        "events": swept.events,
        "redelivered": swept.redelivered,
        "pages": swept.pages,
    }
    with site.store.write() as connection:
        write_audit(connection, [entry(started, ABOUT, actor, "swept", detail)])
