"""What the API tells of the factory that a follow-up is about, in one answer."""

from __future__ import annotations

from dataclasses import dataclass

from service.follow_ups.moves import Started, Tools
from service.resources import OrderFactory, factory_of


@dataclass(frozen=True, slots=True)
class Facts:
    """The factory as the API told it just now; None where Copydesk has no credentials to ask."""

    factory: OrderFactory | None
    request_id: str | None = None


def read(started: Started, tools: Tools) -> Facts:
    """Read the factory with its source, its target and its subscription."""
    if tools.commerce_layer is None:
        return Facts(None)
    answer = tools.commerce_layer.retrieve_factory(*factory_of(started.subject))
    return Facts(answer.value, answer.request_id)
