"""The factories that changed, page by page: none skipped and none read twice while rows change under the reader."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from service.clients.listing import Page
from service.resources import OrderFactory
from service.resources.reference import LARGEST_PAGE
from service.sweep.feeding import Site

INCLUDE = ("source_order", "target_order")
ENDPOINT = "GET order_factories"
# Ids that still fit well into an address.
_MOST_NAMED = 150


def changed(site: Site, since: datetime, until: datetime | None = None) -> Iterator[Page[OrderFactory]]:
    """List what changed since a moment, oldest first, with no more requests than there are pages.

    Each request begins at the moment of the last row and names the rows of that moment that were read, because many
    can share a millisecond. A row that changes meanwhile moves to the end, and is listed there again.

    Args:
        site: what it needs.
        since: the first moment.
        until: the last one; without it, what changes meanwhile is listed too.

    Raises:
        Refused, Unavailable: the API.
    """
    moment, known = since, set[str]()
    bounds = {"updated_at_lteq": until} if until else {}
    while len(known) <= _MOST_NAMED:
        filters = {"updated_at_gteq": moment, **bounds} | ({"id_not_in": sorted(known)} if known else {})
        listing = site.client.order_factories.list(filters=filters, include=INCLUDE, sort="updated_at,id")
        page = next(site.paced(listing, ENDPOINT))
        yield page
        times = [one.updated_at for one in page.items if one.updated_at is not None]
        if len(page.items) < LARGEST_PAGE or not times:
            return
        last = {one.id for one in page.items if one.updated_at == times[-1]}
        known = last if times[-1] > moment else known | last
        moment = max(moment, times[-1])
    # An import may give thousands one moment: then the numbered pages of that moment are followed.
    yield from site.paced(site.client.order_factories.changes(moment, until, include=INCLUDE), ENDPOINT)
