"""Lists come in pages that do not jump, by cursors that are ours, or by numbers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.errors import BadFilter
from service.store import Store
from service.store.keep import keep
from service.store.listings import LISTINGS, Asked, count, numbered, page
from tests.bodies import NOW, arrival, copy

NAMES = sorted(LISTINGS)


def walked(store: Store, name: str, size: int, **asked: object) -> list[object]:
    """The keys of every row, page after page."""
    listing, keys, after = LISTINGS[name], [], None
    with store.read() as connection:
        while True:
            found = page(connection, listing, Asked(limit=size, after=after, **asked))  # type: ignore[arg-type]
            keys += [row[listing.key] for row in found.rows]
            after = found.next
            if after is None:
                return keys


@pytest.mark.parametrize("name", NAMES)
def test_pages_of_every_list_have_each_row_once(record: Store, name: str) -> None:
    """In every order that a list offers, small pages put together are the whole list."""
    listing = LISTINGS[name]
    with record.read() as connection:
        whole = page(connection, listing, Asked(limit=1000)).rows
    assert whole
    assert walked(record, name, 2) == [row[listing.key] for row in whole]
    for sort in (listing.key, f"-{listing.key}", listing.time, f"-{listing.time}"):
        keys = walked(record, name, 3, sort=sort)
        assert len(keys) == len(set(keys)) == len(whole)
        first = sort.removeprefix("-")
        by_key = {row[listing.key]: row[first] for row in whole}
        told = [by_key[key] for key in keys]
        # Texts are sorted as each database sorts them.
        if first != "subject":
            assert told == sorted(told, reverse=sort.startswith("-"))


@pytest.mark.parametrize("name", NAMES)
def test_numbered_pages_are_slices_of_the_same_list(record: Store, name: str) -> None:
    listing = LISTINGS[name]
    with record.read() as connection:
        whole = page(connection, listing, Asked(limit=1000)).rows
        found = [numbered(connection, listing, Asked(), number, 2) for number in range(1, len(whole) // 2 + 3)]
        assert count(connection, listing, {}) == len(whole)
    assert found == [whole[start : start + 2] for start in range(0, 2 * len(found), 2)]


def test_a_page_back_is_the_page_before(record: Store) -> None:
    with record.read() as connection:
        first = page(connection, LISTINGS["audit_entries"], Asked(limit=3))
        second = page(connection, LISTINGS["audit_entries"], Asked(limit=3, after=first.next))
        back = page(connection, LISTINGS["audit_entries"], Asked(limit=3, after=second.previous))
    assert first.previous is None
    assert (back.rows, back.next is None, back.previous) == (first.rows, False, None)


def test_rows_that_are_added_move_no_page(own_record: Store) -> None:
    """What comes in between two pages is on neither, and nothing is told twice or left out."""
    listing = LISTINGS["events"]
    with own_record.read() as connection:
        before = [row["id"] for row in page(connection, listing, Asked(limit=1000)).rows]
        first = page(connection, listing, Asked(limit=4))
    with own_record.write() as connection:
        keep(connection, [arrival("order_copies.create", copy("brandnew01", "pending"), NOW + timedelta(days=9))])
    with own_record.read() as connection:
        second = page(connection, listing, Asked(limit=4, after=first.next))
    assert [row["id"] for row in first.rows + second.rows] == before[:8]


@pytest.mark.parametrize(
    "change",
    [
        lambda cursor: cursor[:-1],
        lambda cursor: cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BB"),
        lambda cursor: cursor[1:],
        lambda cursor: cursor + "x",
        lambda _: "",
        lambda _: "é" * 10,
        lambda _: "\ud800",
        lambda _: "A" * 100_000,
        lambda _: "' OR 1=1 --",
    ],
)
def test_a_cursor_that_is_not_ours_is_refused(record: Store, change) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    listing = LISTINGS["events"]
    with record.read() as connection:
        cursor = page(connection, listing, Asked(limit=2)).next
        assert cursor
        with pytest.raises(BadFilter) as caught:
            page(connection, listing, Asked(limit=2, after=change(cursor)))
    assert caught.value.parameter == "after"


def test_a_cursor_belongs_to_its_question(record: Store) -> None:
    """Another list, another order or other filters refuse it."""
    with record.read() as connection:
        cursor = page(connection, LISTINGS["events"], Asked(limit=2)).next
        for name, asked in (
            ("deliveries", Asked(after=cursor)),
            ("events", Asked(after=cursor, sort="id")),
            ("events", Asked({"mode": "test"}, after=cursor)),
        ):
            with pytest.raises(BadFilter):
                page(connection, LISTINGS[name], asked)


@pytest.mark.parametrize("limit", [0, -1, 100_001])
def test_a_page_has_a_size(limit: int) -> None:
    with pytest.raises(BadFilter) as caught:
        Asked(limit=limit)
    assert caught.value.parameter == "limit"
