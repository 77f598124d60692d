"""Lists, page by page: as the provider numbers them, or along a time, which stays whole while rows change.

Only `page[number]` is followed, never a link of an answer. A list ends with its last page; a page that comes twice
ends it with an error, so that nobody takes half a list for a whole one.
https://docs.commercelayer.io/core/api-specification/pagination
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from service.clients.api import PEER, Reply
from service.clients.limits import RateLimit, rate_limit
from service.resources import Json, instant
from service.resources.values import integer, mapping

T = TypeVar("T")
Read = Callable[[Json, tuple[Json, ...]], T]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a list, in order.

    Attributes:
        items: those that the page before did not have already; a row that moved meanwhile is not listed twice.
        number: how many pages were read, this one included.
        record_count: resources in the whole list, and
        page_count: its pages, as the answer told; None where it did not.
        request_id: the provider's id of the request.
        rate_limit: what is left of the minute's limit.
    """

    items: tuple[T, ...]
    number: int
    record_count: int | None
    page_count: int | None
    request_id: str | None
    rate_limit: RateLimit | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """One answered page, not yet read into models."""

    reply: Reply
    resources: tuple[Json, ...]
    included: tuple[Json, ...]
    meta: Json
    size: int

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of its resources."""
        return tuple(row["id"] for row in self.resources)

    def is_last(self, number: int) -> bool:
        """Whether no page follows page `number`."""
        pages = integer(self.meta.get("page_count"))
        if pages is None or not self.resources:
            return len(self.resources) < self.size
        return number >= pages

    def page(self, read: Read[T], number: int, fresh: Iterable[Json]) -> Page[T]:
        """Read those of its resources that were not on a page before."""
        return Page(
            tuple(read(row, self.included) for row in fresh),
            number,
            integer(self.meta.get("record_count")),
            integer(self.meta.get("page_count")),
            self.reply.response.request_id,
            rate_limit(self.reply.response.headers),
        )

    def repeated(self) -> Exception:
        """What it is to get the same page again."""
        return PEER.misunderstood(self.reply.request, self.reply.response, instead="the same page again")


class Listing(Generic[T]):
    """A list that is read while it is iterated, a page at a time; iterating again reads it anew.

    Iterating gives pages; `items` gives what is on them. Memory holds one page, whatever the list's length.

    Raises:
        Refused, Unavailable: as every call, while it is iterated.
    """

    def __init__(self, pages: Callable[[], Iterator[Page[T]]]) -> None:
        self._pages = pages

    def __iter__(self) -> Iterator[Page[T]]:
        return self._pages()

    def items(self) -> Iterator[T]:
        """The items of all pages."""
        for page in self:
            yield from page.items


def numbered(ask: Callable[[int], Rows], read: Read[T]) -> Iterator[Page[T]]:
    """Follow `page[number]` from 1."""
    before: tuple[str, ...] = ()
    number = 1
    while True:
        rows = ask(number)
        if rows.ids and rows.ids == before:
            raise rows.repeated()
        yield rows.page(read, number, (row for row in rows.resources if row["id"] not in before))
        if rows.is_last(number):
            return
        before = rows.ids
        number += 1


def along(time: str, since: datetime, ask: Callable[[datetime, int], Rows], read: Read[T]) -> Iterator[Page[T]]:
    """Follow a list that is sorted by `time` and begins at a moment, each page where the last one ended.

    Pages that are numbered skip a row when another one leaves a page that was read. Here each request begins at the
    moment of the last row, so a row is skipped only where more than a page of them has the very same moment and
    changes while it is read. A row that changes after it was read comes again, with what is new.

    Args:
        time: the attribute.
        since: the first moment.
        ask: for the n-th page of what is not before a moment.
        read: makes a model of a resource object.
    """
    # The provider shows milliseconds, so nothing finer is compared.
    moment, number, count = since.replace(microsecond=since.microsecond // 1000 * 1000), 1, 0
    known: set[tuple[str, datetime | None]] = set()
    before: tuple[str, ...] = ()
    while True:
        rows = ask(moment, number)
        if number > 1 and rows.ids and rows.ids == before:
            raise rows.repeated()
        count += 1
        times = [instant(mapping(row.get("attributes")).get(time)) for row in rows.resources]
        seen = list(zip(rows.ids, times, strict=True))
        yield rows.page(read, count, (row for row, key in zip(rows.resources, seen, strict=True) if key not in known))
        if rows.is_last(number):
            return
        last = times[-1]
        if last is None or last < moment:
            raise PEER.misunderstood(rows.reply.request, rows.reply.response, instead="a list out of order")
        before = rows.ids
        # Only rows of the last moment can come again unchanged.
        at_last = {key for key in seen if key[1] == last}
        if last > moment:
            moment, number, known = last, 1, at_last
        else:
            number, known = number + 1, known | at_last
