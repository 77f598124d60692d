"""Reading the resources of one type: one, a list, or what changed. Arguments are checked before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Generic, TypeVar

from service.clients.api import Answer, Api, Call, list_path, resource_path
from service.clients.listing import Listing, Read, Rows, along, numbered
from service.clients.query import Fields, Filters, Names, Query, list_query, shape
from service.resources.offer import Offer
from service.resources.reference import LARGEST_PAGE

T = TypeVar("T")


class Collection(Generic[T]):
    """The resources of one type, to be read."""

    def __init__(self, api: Api, offer: Offer, read: Read[T]) -> None:
        self._api = api
        self._offer = offer
        self._read = read

    def retrieve(self, id_: str, *, include: Names = (), fields: Fields | None = None) -> Answer[T]:
        """Read one resource.

        Args:
            id_: its id.
            include: paths of relationships to read with it.
            fields: what to show of it, or of each type; the rest of the model is None then.

        Raises:
            NotOffered: an argument that the resource does not offer; nothing was sent.
            Refused: it is not there (RECORD_NOT_FOUND), or the credentials may not.
            Unavailable: there is no answer, for now.
        """
        type_ = self._offer.type
        parameters = shape(self._offer, include=include, fields=fields)
        return self._one(Call(f"reading {type_}/{id_}", "GET", resource_path(type_, id_), parameters), id_)

    def list(
        self,
        *,
        sort: Names = (),
        filters: Filters | None = None,
        include: Names = (),
        fields: Fields | None = None,
        page_size: int = LARGEST_PAGE,
    ) -> Listing[T]:
        """List resources; nothing is asked until it is iterated.

        Args:
            sort: attributes, the most significant first, "-" before one for descending.
            filters: such as `{"status_in": ["failed", "aborted"]}`; see `service.clients.query`.
            include: as for `retrieve`.
            fields: as for `retrieve`.
            page_size: resources a page, 1 to 25.

        Raises:
            NotOffered: an argument that the resource does not offer.
        """
        query = list_query(self._offer, sort=sort, filters=filters, page_size=page_size)
        shown = shape(self._offer, include=include, fields=fields)
        path = list_path(self._offer.type)
        return Listing(lambda: numbered(lambda number: self._rows(path, query, shown, number), self._read))

    def changes(
        self,
        since: datetime,
        until: datetime | None = None,
        *,
        time: str = "updated_at",
        filters: Filters | None = None,
        include: Names = (),
        fields: Fields | None = None,
        page_size: int = LARGEST_PAGE,
    ) -> Listing[T]:
        """List what changed from `since` to `until`, oldest first, whole even while rows change.

        A page's `record_count` is what was left when it was asked for, so the first one's is the total.

        Args:
            since: the first moment.
            until: the last one; without it, what changes meanwhile is listed too.
            time: the attribute that is followed; sortable and filterable.
            filters: further ones, as for `list`.
            include: as for `retrieve`.
            fields: as for `retrieve`.
            page_size: resources a page, 1 to 25.

        Raises:
            NotOffered: an argument that the resource does not offer.
        """
        bounds: Filters = {f"{time}_lteq": until} if until else {}
        shown = shape(self._offer, include=include, fields=_with(self._offer, fields, time))

        def query(moment: datetime) -> Query:
            wanted = {**(filters or {}), **bounds, f"{time}_gteq": moment}
            return list_query(self._offer, sort=(time, "id"), filters=wanted, page_size=page_size)

        query(since)
        path = list_path(self._offer.type)
        return Listing(
            lambda: along(time, since, lambda at, number: self._rows(path, query(at), shown, number), self._read)
        )

    def _rows(self, path: str, query: Query, shown: tuple[tuple[str, str], ...], number: int) -> Rows:
        paging = (("page[number]", str(number)), ("page[size]", str(query.page_size)))
        what = f"listing {path}, page {number}"
        reply = self._api.call(Call(what, "GET", path, (*query.parameters, *shown, *paging)))
        return Rows(reply, *reply.resources(self._offer.type), query.page_size)

    def _one(self, call: Call, id_: str | None) -> Answer[T]:
        reply = self._api.call(call)
        return self._api.answer(reply, self._read(*reply.resource(self._offer.type, id_)))


def _with(offer: Offer, fields: Fields | None, name: str) -> Fields | None:
    """`fields`, the attribute that a list is followed by among them."""
    if fields is None:
        return None
    if isinstance(fields, Mapping):
        own = fields.get(offer.type)
        return fields if own is None else {**fields, offer.type: _joined(own, name)}
    return _joined(fields, name)


def _joined(given: Names, name: str) -> Names:
    return f"{given},{name}" if isinstance(given, str) else (*given, name)
