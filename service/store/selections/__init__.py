"""Lists for the API: any of its resources, filtered, sorted, counted and paged by what it offers."""

from service.store.selections.asking import clauses, count, facet, page, rows_where
from service.store.selections.listed import LISTED, Listed
from service.store.selections.related import (
    Known,
    affected,
    bodies,
    bodies_of,
    events_at,
    related_subscriptions,
    status_of,
    stores,
)

__all__ = [
    "LISTED",
    "Known",
    "Listed",
    "affected",
    "bodies",
    "bodies_of",
    "clauses",
    "count",
    "events_at",
    "facet",
    "page",
    "related_subscriptions",
    "rows_where",
    "status_of",
    "stores",
]
