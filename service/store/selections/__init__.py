"""Lists for the API: any of its resources, filtered, sorted, counted and paged by what it offers."""

from service.store.selections.asking import rows_where
from service.store.selections.counting import count, facets
from service.store.selections.listed import LISTED, Listed
from service.store.selections.pages import page
from service.store.selections.question import Question
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
    "Question",
    "affected",
    "bodies",
    "bodies_of",
    "count",
    "events_at",
    "facets",
    "page",
    "related_subscriptions",
    "rows_where",
    "status_of",
    "stores",
]
