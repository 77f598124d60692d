"""An entry of the trail as the folds read it, and rows of several tables side by side. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from service.audit.verification.places import Row

# Without looking for blanks around it: there are none.
_scan: Callable[[str, int], tuple[Any, int]] = vars(json.JSONDecoder())["scan_once"]


def read_detail(detail: str) -> dict[str, Any]:
    """The detail of an entry; empty where it is no object, and so none of ours."""
    try:
        found, end = _scan(detail, 0)
    except (ValueError, StopIteration, RecursionError):
        return {}
    return found if isinstance(found, dict) and end == len(detail) else {}


class Told(NamedTuple):
    """One entry; the first column is what entries are grouped by."""

    group: Any
    id: int
    at: str
    subject: str
    actor: str
    action: str
    event_id: int | None
    detail: str
    payload: bytes | None
    sealed: bytes | None
    salt: bytes | None

    @property
    def erased(self) -> bool:
        """Whether nobody can tell its detail any more."""
        return self.salt is None

    def read(self) -> dict[str, Any]:
        """The detail; an entry whose detail is no object was changed, which V1 tells."""
        return read_detail(self.detail)


# Behind the column that they are grouped by.
COLUMNS = ("id", "at", "subject", "actor", "action", "event_id", "detail", "payload", "sealed", "salt")


def side_by_side(*streams: Iterable[Row]) -> Iterator[tuple[Any, list[list[Row]]]]:
    """Join streams of rows, each in the order of its first column: for each value of it, the rows of every stream."""
    groups = [groupby(stream, itemgetter(0)) for stream in streams]
    heads = [next(group, None) for group in groups]
    while keys := [head[0] for head in heads if head is not None]:
        key = min(keys)
        found: list[list[Row]] = []
        for number, head in enumerate(heads):
            if head is None or head[0] != key:
                found.append([])
                continue
            found.append(list(head[1]))
            heads[number] = next(groups[number], None)
        yield key, found
