"""What the tests of the record's lists share: a store in which something of everything happened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest
import sqlalchemy as sa

from handlers import MODULES
from service import Event, Note, on
from service.arrivals import Arrival
from service.incidents import Occurrence
from service.store import Store, open_store
from service.store import incidents as incident_writing
from service.store.audit import entry, write_audit
from service.store.keep import keep
from service.store.schema import attempts
from tests.bodies import NOW, arrival, copy, door, order, subscription

SOURCE, TARGET, COPY, SUBSCRIPTION = "qAlMhokOGm", "tAlMhokOGm", "XAyRWNUzyN", "nZvYhWxKqB"
REASON = "The payment source is expired"


class Odd:
    """Handlers of this test: one raises, one notes."""

    @staticmethod
    def raises(_event: Event) -> list[Note]:
        raise ValueError("total_amount_cents of order 4711 is missing")

    @staticmethod
    def notes(event: Event) -> list[Note]:
        return [Note(f"Größe unbekannt: {event.id}; copied with warnings")]


class Module:
    """A module of handlers."""

    raises = on("orders.cancel")(Odd.raises)
    notes = on("orders.place")(Odd.notes)


DOOR = door([*MODULES, Module])


def happened() -> list[Arrival]:
    """Arrivals in their order, a minute apart, over two days."""
    told = [
        ("order_copies.create", copy(COPY, "pending", source_order=SOURCE)),
        ("order_copies.complete", copy(COPY, "completed", source_order=SOURCE, target_order=TARGET)),
        ("orders.place", order(TARGET)),
        ("orders.cancel", order(SOURCE, "cancelled")),
        ("recurring_order_copies.fail", copy("renewal001", "failed", recurring=True, order_subscription=SUBSCRIPTION,
                                             errors_log={"base": [REASON]}, errors_count=1)),
        ("order_copies.fail", copy("failed0001", "failed", source_order="other00001", errors_log={"base": [REASON]})),
        ("order_copies.fail", copy("failed0002", "failed", source_order="other00002", errors_log={"base": [REASON]})),
        ("order_subscriptions.renewal", subscription(SUBSCRIPTION)),
        ("customers.create", {"data": {"id": "cust000001", "type": "customers", "attributes": {},
                                       "meta": {"mode": "test", "organization_id": "xRRkjDFafe"}}}),
        ("orders.place", b"not JSON at all"),
        ("order_copies.complete", copy(COPY, "completed", source_order=SOURCE, target_order=TARGET)),
    ]  # fmt: skip
    return [
        arrival(topic, body, NOW + number * timedelta(hours=5), at=DOOR) for number, (topic, body) in enumerate(told)
    ]


def fill(target: Store) -> None:
    """Let all of it happen."""
    for one in happened():
        with target.write() as connection:
            keep(connection, [one])
    with target.write() as connection:
        tried = {"follow_up_id": 1, "number": 1, "start": 1, "worker": "w1", "started_at": NOW + timedelta(hours=6)}
        connection.execute(sa.insert(attempts).values(**tried, result="unavailable", detail="no answer within 10 s"))
        told = {"kind": "settle_source_order", "attempt": 1, "start": 1, "detail": "no answer within 10 s"}
        rows = [
            entry(NOW + timedelta(hours=6), f"order_copies/{COPY}", "worker", "attempt.unavailable", told),
            entry(
                NOW + timedelta(days=1), f"order_copies/{COPY}", "operator jane", "replayed", {"reason": "ticket 42"}
            ),
            entry(NOW + timedelta(days=2), f"orders/{SOURCE}", "operator john", "replayed", {"reason": "asked to"}),
        ]
        write_audit(connection, rows)
        what = Occurrence("failure", "order_copies", "copy failed", "it hurts", "order_copies/failed0001", "test")
        incident_writing.note(connection, what, NOW + timedelta(hours=26), "worker")


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def record(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store of each kind in turn, in which all of that happened; for tests that only read."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp('record')}/copydesk.db"
        else:
            url = stack.enter_context(request.getfixturevalue("new_postgres")())
        opened = open_store(url)
        stack.callback(opened.close)
        fill(opened)
        yield opened


@pytest.fixture
def own_record(store: Store) -> Store:
    """The same for one test alone, which may change it."""
    fill(store)
    return store
