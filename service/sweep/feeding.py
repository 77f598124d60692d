"""The way of swept answers through the door: the same parsing, handlers and write path as a delivery's."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeVar

import sqlalchemy as sa
import structlog

from service import events
from service.arrivals import Arrival, Receipt
from service.budget import SharedBudget
from service.clients.commerce_layer import CommerceLayer
from service.clients.listing import Listing, Page
from service.errors import Stopped, StoreError
from service.intake import Door
from service.resources import OrderFactory
from service.settings import Settings
from service.states import State
from service.store import Store, queries, subjects, tombstones
from service.store.keep import keep
from service.sweep.telling import ENDS, is_news, topic_of

log = structlog.get_logger(__name__)

T = TypeVar("T")
# Few enough for a web process not to wait for the lock.
_TOGETHER = 100
Together = Callable[[sa.Connection], object]


@dataclass(frozen=True)
class Site:
    """What sweeping needs: the settings, the store, the door with its handlers, and the provider.

    Attributes:
        stop: set where whoever sweeps must come to an end; it goes on another time.
    """

    settings: Settings
    store: Store
    door: Door
    client: CommerceLayer
    budget: SharedBudget
    stop: threading.Event = field(default_factory=threading.Event)

    def paced(self, listing: Listing[T], endpoint: str) -> Iterator[Page[T]]:
        """The pages of a list, each asked for when the provider's limits have room for it, however long that takes.

        Raises:
            Stopped: between two pages.
        """
        pages = iter(listing)
        while True:
            self.wait_for(endpoint)
            page = next(pages, None)
            if page is None:
                return
            yield page

    def wait_for(self, endpoint: str) -> None:
        """Wait until the provider's limits have room for a request.

        Raises:
            Stopped: that was not to be waited for.
        """
        self.budget.wait_for(endpoint, self.stop)
        if self.stop.is_set():
            raise Stopped("stopped; it goes on another time")

    def pause(self, seconds: float) -> None:
        """Wait after trouble."""
        self.stop.wait(seconds)

    def news(self, factories: Sequence[OrderFactory]) -> list[OrderFactory]:
        """Those of which we do not know how they stand, in their order; what was erased is no news any more."""
        with self.store.read() as connection:
            erased = tombstones.known(connection, {one.subject for one in factories})
        factories = [one for one in factories if one.subject not in erased]
        known = self.states([one.subject for one in factories])
        keys = {one.subject: self._key(one) for one in factories if one.status in ENDS}
        with self.store.read() as connection:
            heard = queries.known_keys(connection, keys.values())
        return [one for one in factories if is_news(one, known.get(one.subject), heard=keys.get(one.subject) in heard)]

    def _key(self, factory: OrderFactory) -> bytes:
        resource = {"type": factory.type, "id": factory.id}
        return events.identity(topic_of(factory), resource, self.settings.organization, self.settings.mode)

    def states(self, names: Collection[str]) -> dict[str, State]:
        """Where these subjects stand; those that are not known are not in it."""
        with self.store.read() as connection:
            return subjects.states_of(connection, names)


def arrival(site: Site, topic: str, body: bytes, request_id: str | None = None) -> Arrival:
    """Let the door read a body that the API gave us, as it reads a delivery's."""
    headers = json.dumps({"x-request-id": request_id} if request_id else {})
    return site.door.understand(site.door.take(topic, body, headers, None, datetime.now(UTC), "sweep"))


def feed(site: Site, arrivals: Sequence[Arrival], together: Together) -> list[Receipt]:
    """Keep arrivals, and do `together` in the same transaction.

    An arrival that spoils the transaction is kept as bare bytes in quarantine, so that the others go on.

    Raises:
        StoreUnavailable: as `Store.write`; nothing was kept.
    """
    try:
        with site.store.write() as connection:
            receipts = keep(connection, arrivals) if arrivals else []
            together(connection)
            return receipts
    except StoreError:
        raise
    except Exception as error:
        if not arrivals:
            raise
        log.exception("swept answers could not be recorded together", error=type(error).__name__)
    receipts = [_apart(site, one) for one in arrivals]
    with site.store.write() as connection:
        together(connection)
    return receipts


def _apart(site: Site, one: Arrival) -> Receipt:
    try:
        with site.store.write() as connection:
            return keep(connection, [one])[0]
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the bytes are kept and a person can look
        reason = f"could not be recorded: {type(error).__name__}"
    with site.store.write() as connection:
        return keep(connection, [replace(one, event=None, apart="quarantine", reason=reason)])[0]


def feed_all(site: Site, arrivals: Sequence[Arrival]) -> int:
    """Keep arrivals, some with each transaction; how many are events that are new.

    Raises:
        StoreUnavailable: as `feed`; what was kept before stays kept.
    """
    found = 0
    for first in range(0, len(arrivals), _TOGETHER):
        receipts = feed(site, arrivals[first : first + _TOGETHER], lambda _connection: None)
        found += sum(receipt.verdict == "event" for receipt in receipts)
    return found
