"""Copydesk: a self-hosted event processor for Commerce Layer order factories.

These are the names that a handler needs, and nothing else; docs/handlers.md shows one being written.
"""

from service.events import Event
from service.outcomes import Cured, FollowUp, Note, Outcome, Transition, alert, cured_by, hydrate, settle_source_order
from service.router import on

__all__ = [
    "Cured",
    "Event",
    "FollowUp",
    "Note",
    "Outcome",
    "Transition",
    "alert",
    "cured_by",
    "hydrate",
    "on",
    "settle_source_order",
]
