"""Unrest: rows that change under whoever reads a list page by page."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass
from typing import Any

from service.sandbox.resources import COPIES
from service.sandbox.state import State

_KINDS = frozenset({"order_factories", "orders", "order_subscriptions", *COPIES})


@dataclass
class Disquiet:
    """What happens after each list call.

    Attributes:
        rows: how many rows of the listed resource are touched: only their `updated_at` changes.
        calls: for so many list calls; None for all.
        seed: chooses the rows.
    """

    rows: int = 0
    calls: int | None = None
    seed: int = 0


class Unrest:
    """Touches rows of factories, orders and subscriptions after they were listed."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._kind = Disquiet()
        self._random = random.Random(0)  # noqa: S311 (a story, no key)

    def order(self, kind: Disquiet) -> dict[str, Any]:
        """From now on be so restless; zero rows is rest. What was ordered.

        Raises:
            ValueError: fewer rows or calls than none.
        """
        if kind.rows < 0 or (kind.calls is not None and kind.calls < 0):
            raise ValueError("rows and calls are whole numbers from 0")
        with self._state.lock:
            self._kind, self._random = kind, random.Random(kind.seed)  # noqa: S311
            return asdict(kind)

    def stir(self, type_: str) -> None:
        """Touch rows of a resource that was listed just now; the state's lock is held."""
        kind = self._kind
        if not kind.rows or kind.calls == 0 or type_ not in _KINDS:
            return
        if kind.calls is not None:
            kind.calls -= 1
        rows = [*self._state.all(type_)]
        for row in self._random.sample(rows, min(kind.rows, len(rows))):
            self._state.change(row)
