"""What a sweep looks for besides news: copies that are stuck or gone, and renewals that stayed away."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from service.incidents import Occurrence, lasted
from service.outcomes import alert
from service.resources import OrderFactory, Subscription, factory_of
from service.resources.reference import LARGEST_PAGE
from service.store import incidents, queries, tombstones
from service.store.record import plan
from service.sweep.feeding import Site, arrival, feed
from service.sweep.paging import ENDPOINT, INCLUDE
from service.sweep.passing import ACTOR
from service.sweep.telling import body_of, gone, topic_of

STUCK = Occurrence("stuck", "order_factories", "order copies are stuck", "")
ABSENT = Occurrence("absent renewal", "order_subscriptions", "renewals have not come", "")
UNFINISHED = ("pending", "in_progress")


@dataclass(frozen=True, slots=True)
class Found:
    """What was found: ids of what is wrong now, and how many events came of the closer look."""

    stuck: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    events: int = 0


def look(site: Site) -> Found:
    """Look at what did not move, and make incidents of it; those that are cured are resolved.

    Asks nothing where nothing is unfinished, but for the renewals: one read for each 25 that are overdue.

    Raises:
        Refused, Unavailable: the API.
        StoreUnavailable: as `Store.write`.
    """
    now = datetime.now(UTC)
    before = now - timedelta(minutes=site.settings.stuck_minutes)
    with site.store.read() as connection:
        waiting = queries.unfinished(connection, before)
    seen, missing, events = recheck(site, waiting)
    stuck = {one.subject: _since(one, now) for one in seen if is_stuck(one, before)}
    absent = {f"order_subscriptions/{one.id}": _due(one, now) for one in _overdue(site, now)}
    with site.store.write() as connection:
        for subject in tombstones.known(connection, {*stuck, *absent}):
            stuck.pop(subject, None)
            absent.pop(subject, None)
        incidents.align(connection, STUCK, stuck, now, ACTOR)
        incidents.align(connection, ABSENT, absent, now, ACTOR)
    return Found(tuple(sorted(stuck)), tuple(missing), tuple(sorted(absent)), events)


def recheck(site: Site, known: Collection[str]) -> tuple[list[OrderFactory], list[str], int]:
    """Ask for factories that we know: what is news is let in, what is not there any more is destroyed.

    Returns:
        Those that are there, the subjects of those that are gone, and how many events came of it.
    """
    seen: list[OrderFactory] = []
    missing: list[str] = []
    events = 0
    for listed, away in present(site, known):
        seen += listed
        missing += away
        events += _let_in(site, listed, away)
    return seen, missing, events


def present(site: Site, known: Collection[str]) -> Iterator[tuple[list[OrderFactory], list[str]]]:
    """Ask for factories that we know, 25 with each request: those that are there, and the subjects that are not."""
    names = sorted(known)
    for first in range(0, len(names), LARGEST_PAGE):
        some = names[first : first + LARGEST_PAGE]
        ids = [factory_of(subject)[1] for subject in some]
        query = site.client.order_factories.list(filters={"id_in": ids}, include=INCLUDE, sort="id")
        listed = [one for page in site.paced(query, ENDPOINT) for one in page.items]
        yield listed, sorted(set(some) - {one.subject for one in listed})


def _let_in(site: Site, listed: Sequence[OrderFactory], away: Sequence[str]) -> int:
    arrivals = [arrival(site, topic_of(one), body_of(one)) for one in site.news(listed)]
    arrivals += [arrival(site, f"{factory_of(one)[0]}.destroy", gone(*factory_of(one))) for one in away]
    now = datetime.now(UTC)

    def tell(connection: sa.Connection) -> None:
        for subject in away:
            plan(connection, alert(subject, "copy gone"), now, ACTOR)

    if not arrivals:
        return 0
    return sum(receipt.verdict == "event" for receipt in feed(site, arrivals, tell))


def _overdue(site: Site, now: datetime) -> Iterator[Subscription]:
    """Active subscriptions whose time has passed, and of which no copy came since.

    A run moves `next_run_at` on: https://docs.commercelayer.io/core/api-reference/order_subscriptions
    """
    before = now - timedelta(minutes=site.settings.renewal_grace_minutes)
    due = site.client.order_subscriptions.list(
        filters={"status_eq": "active", "next_run_at_lt": before}, sort="next_run_at,id"
    )
    for page in site.paced(due, "GET order_subscriptions"):
        late = [one for one in page.items if one.next_run_at is not None]
        with site.store.read() as connection:
            copied = {one.id: queries.newest_copy_at(connection, one.id) for one in late}
        for one in late:
            at = copied[one.id]
            if one.next_run_at is not None and (at is None or at < one.next_run_at):
                yield one


def is_stuck(one: OrderFactory, before: datetime) -> bool:
    """Tell whether a factory began before a moment and has not come to its end."""
    began = one.started_at or one.created_at or one.updated_at
    return one.status in UNFINISHED and began is not None and began < before


def _since(one: OrderFactory, now: datetime) -> str:
    began = one.started_at or one.created_at or one.updated_at or now
    return f"{one.subject} is {one.status} for {lasted(now - began)}"


def _due(one: Subscription, now: datetime) -> str:
    ago = lasted(now - one.next_run_at) if one.next_run_at else "some time"
    return f"order_subscriptions/{one.id} was due {ago} ago, and no copy came"
