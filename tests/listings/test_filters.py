"""The words of the record mean the same for rows, numbers, facets and streams, on both databases."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from service.errors import BadFilter
from service.store import Store
from service.store.listings import LISTINGS, Asked, count, facets, page, stream
from service.store.schema import audit_entries, events, follow_ups
from tests.bodies import NOW
from tests.listings.conftest import COPY, SOURCE, SUBSCRIPTION, TARGET

DAY = (NOW + timedelta(days=1)).date().isoformat()
AT = (NOW + timedelta(hours=7)).isoformat()
# A list, filters, and how many rows have it.
TABLE: list[tuple[str, dict[str, str], int]] = [
    ("events", {}, 9),
    ("events", {"topic": "order_copies.fail"}, 2),
    ("events", {"topic": "order_copies.nothing"}, 0),
    ("events", {"status": "failed"}, 3),
    ("events", {"result": "failed"}, 1),
    ("events", {"result": "ignored"}, 0),
    ("events", {"origin": "webhook", "mode": "test"}, 9),
    ("events", {"origin": "sweep"}, 0),
    ("events", {"mode": "live"}, 0),
    ("events", {"subject": f"orders/{SOURCE}"}, 3),
    ("events", {"subject": f"orders/{TARGET}"}, 3),
    ("events", {"subject": COPY}, 2),
    ("events", {"subject": f"order_subscriptions/{SUBSCRIPTION}"}, 2),
    ("events", {"subject": "orders/nobody0000"}, 0),
    ("events", {"since": DAY}, 7),
    ("events", {"until": DAY}, 2),
    ("events", {"since": AT, "until": DAY}, 1),
    ("events", {"since": AT, "until": "2026-03-04T11:00:00+02:00", "topic": "order_copies.fail"}, 2),
    ("events", {"since": DAY, "until": AT}, 0),
    ("events", {"since": "0001-01-01", "until": "9999-12-31T23:59:59"}, 9),
    ("deliveries", {"verdict": "quarantine"}, 1),
    ("deliveries", {"verdict": "redelivery"}, 1),
    ("deliveries", {"standing": "apart"}, 1),
    ("deliveries", {"event": "2"}, 2),
    ("deliveries", {"subject": f"order_copies/{COPY}"}, 3),
    ("transitions", {"status": "failed"}, 3),
    ("states", {"kind": "order_copies"}, 3),
    ("states", {"kind": "recurring_order_copies", "status": "failed"}, 1),
    ("follow_ups", {"kind": "settle_source_order"}, 1),
    ("follow_ups", {"status": "dead"}, 0),
    ("attempts", {"subject": COPY, "result": "unavailable"}, 1),
    ("attempts", {"follow_up": "1"}, 1),
    ("audit_entries", {"actor": "operator"}, 2),
    ("audit_entries", {"actor": "operator jane"}, 1),
    ("audit_entries", {"actor": "oper"}, 0),
    ("audit_entries", {"action": "attempt"}, 1),
    ("audit_entries", {"action": "attempt.unavailable", "actor": "worker"}, 1),
    ("audit_entries", {"action": "replayed", "since": DAY, "until": (NOW + timedelta(hours=30)).isoformat()}, 1),
    ("incidents", {"standing": "open"}, 1),
    ("incidents", {"subject": "order_copies/failed0001"}, 1),
]


@pytest.mark.parametrize(("name", "filters", "number"), TABLE)
def test_rows_numbers_and_streams_agree(record: Store, name: str, filters: dict[str, str], number: int) -> None:
    listing = LISTINGS[name]
    with record.read() as connection:
        rows = page(connection, listing, Asked(filters, limit=1000)).rows
        assert len(rows) == number
        assert count(connection, listing, filters) == number
        streamed = list(stream(connection, listing, filters, (listing.key,)))
        assert sorted(key for (key,) in streamed) == sorted(row[listing.key] for row in rows)


def counted(rows: list[dict[str, Any]], column: str) -> dict[Any, int]:
    """What a facet must say, by the plainest means."""
    return dict(Counter(row[column] for row in rows))


@pytest.mark.parametrize(("name", "filters", "number"), TABLE)
def test_facets_count_what_the_rows_have(record: Store, name: str, filters: dict[str, str], number: int) -> None:
    listing = LISTINGS[name]
    with record.read() as connection:
        rows = page(connection, listing, Asked(filters, limit=1000)).rows
        found = facets(connection, listing, filters)
    assert list(found) == list(listing.facets)
    for word, values in found.items():
        wanted = counted(rows, listing.facet(word).name)
        if word == "fingerprint":
            wanted.pop(None, None)
        assert values == wanted, word
        assert list(values.values()) == sorted(values.values(), reverse=True)


def test_counts_follow_what_changes(own_record: Store) -> None:
    """A row that gets another value, or loses its actor's name, is counted anew at once."""
    with own_record.write() as connection:
        connection.execute(sa.update(events).values(result="failed").where(events.c.result == "handled"))
        connection.execute(sa.update(follow_ups).values(status="dead"))
        erased = sa.update(audit_entries).where(audit_entries.c.actor == "operator jane")
        connection.execute(erased.values(actor="operator", salt=None))
    with own_record.read() as connection:
        assert facets(connection, LISTINGS["events"], {}, ["result"])["result"] == {"failed": 9}
        assert set(facets(connection, LISTINGS["follow_ups"], {}, ["status"])["status"]) == {"dead"}
        actors = facets(connection, LISTINGS["audit_entries"], {"actor": "operator"}, ["actor"])["actor"]
        assert actors == {"operator": 1, "operator john": 1}
        if own_record.dialect == "sqlite":
            names = connection.exec_driver_sql("SELECT facet_2 FROM tallies WHERE facet_2 LIKE '%jane%'").all()
            assert names == []


def test_failures_of_one_cause_share_a_fingerprint(record: Store) -> None:
    """Two copies with the same first error; the renewal's is another, and so is the handler's own."""
    with record.read() as connection:
        found = facets(connection, LISTINGS["events"], {}, ["fingerprint"])["fingerprint"]
        assert list(found.values()) == [2, 1, 1]
        most = next(iter(found)) or ""
        rows = page(connection, LISTINGS["events"], Asked({"fingerprint": most})).rows
    assert [row["subject"] for row in rows] == ["order_copies/failed0002", "order_copies/failed0001"]


WRONG: list[tuple[str, str, str]] = [
    ("events", "colour", "red"),
    ("events", "verdict", "event"),
    ("events", "result", "odd"),
    ("events", "since", "yesterday"),
    ("events", "since", "99999999999d"),
    ("events", "until", ""),
    ("events", "topic", ""),
    ("events", "topic", "x" * 501),
    ("events", "topic", "a\x00b"),
    ("events", "topic", "\ud800"),
    ("events", "path", "data.id=x"),
    ("deliveries", "event", "-1"),
    ("deliveries", "event", "²"),
    ("deliveries", "event", "9" * 40),
    ("deliveries", "standing", "odd"),
    ("audit_entries", "text", "!!!"),
    ("audit_entries", "text", "a " * 50),
]


@pytest.mark.parametrize(("name", "word", "value"), WRONG)
def test_what_is_wrong_is_named(record: Store, name: str, word: str, value: str) -> None:
    """A word that a list does not know and a value that is wrong raise one error, everywhere."""
    listing = LISTINGS[name]
    with record.read() as connection:
        for ask in (
            lambda: page(connection, listing, Asked({word: value})),
            lambda: count(connection, listing, {word: value}),
            lambda: facets(connection, listing, {word: value}),
            lambda: list(stream(connection, listing, {word: value})),
        ):
            with pytest.raises(BadFilter) as caught:
                ask()
            assert caught.value.parameter == word


def test_a_bare_id_of_several_is_refused(own_record: Store) -> None:
    with own_record.write() as connection:
        connection.execute(sa.update(events).where(events.c.id == 1).values(subject=f"orders/{COPY}"))
    with own_record.read() as connection, pytest.raises(BadFilter) as caught:
        page(connection, LISTINGS["events"], Asked({"subject": COPY}))
    assert set(caught.value.allowed) == {f"orders/{COPY}", f"order_copies/{COPY}"}


def test_sorts_and_facets_that_are_not_offered_are_refused(record: Store) -> None:
    with record.read() as connection:
        with pytest.raises(BadFilter, match="sorted by that"):
            page(connection, LISTINGS["events"], Asked(sort="error"))
        with pytest.raises(BadFilter, match="do not count"):
            facets(connection, LISTINGS["events"], {}, ["subject"])
        with pytest.raises(BadFilter, match="do not show body"):
            list(stream(connection, LISTINGS["deliveries"], {}, ["body"]))
