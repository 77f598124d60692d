"""What of free text an export shows: what lists and the API show, unless it was asked for as it is kept. Pure.

Free text is what handlers raised, the provider answered and people wrote. A status is scrubbed likewise: it should be
one of a few words, and is whatever a body holds. A test compares these columns with those that the API scrubs. The
facts of audit entries hold such texts too, and the log commits to them as they are: they are scrubbed in CSV alone,
from which nothing is verified.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from service.export.reading import Row
from service.scrubbing import scrubbed

FREE: Mapping[str, tuple[str, ...]] = {
    "events": ("told_status", "error"),
    "deliveries": ("reason",),
    "transitions": ("from_status", "to_status"),
    "states": ("status",),
    "follow_ups": ("cause", "result"),
    "attempts": ("worker", "detail", "request_id"),
    "incidents": ("cause", "detail"),
    "incident_subjects": ("detail",),
}
# Free text in the values of a JSON object.
_FACTS: Mapping[str, tuple[str, ...]] = {"follow_ups": ("params",)}
_OF_THE_LOG = "audit_entries"
# Ids, digests and times, which are most of what facts hold, and in which scrubbing never finds anything.
_INERT = re.compile(r"[0-9]*[A-Za-z][A-Za-z0-9]*|\d{4}-\d\d-\d\dT[\d:.]{5,15}Z")


def masks(table: str, *, verified: bool) -> dict[str, Callable[[str], str]]:
    """What makes the texts of a table showable, by column.

    Args:
        table: its name.
        verified: whether the rows must open what the log commits to.
    """
    found: dict[str, Callable[[str], str]] = dict.fromkeys(FREE.get(table, ()), _text)
    found |= dict.fromkeys(_FACTS.get(table, ()), scrubbed_facts)
    return found | ({"actor": _text, "detail": scrubbed_facts} if table == _OF_THE_LOG and not verified else {})


def masked(
    parts: Iterator[list[Row]], names: Sequence[str], by: Mapping[str, Callable[[str], str]]
) -> Iterator[list[Row]]:
    """The same rows with their texts made showable.

    Args:
        parts: the rows, some at a time.
        names: of their columns.
        by: what `masks` gave.
    """
    places = [(names.index(name), mask) for name, mask in by.items()]
    for part in parts:
        for at, mask in places:
            for number, text in enumerate([row[at] for row in part]):
                if text and (shown := mask(text)) != text:
                    row = part[number]
                    part[number] = (*row[:at], shown, *row[at + 1 :])
        yield part


_text = lru_cache(maxsize=4096)(scrubbed)


def scrubbed_facts(text: str) -> str:
    """A JSON object with each text in it scrubbed; as it was where that changes nothing."""
    facts = json.loads(text)
    shown = _everywhere(facts)
    return text if shown == facts else json.dumps(shown, sort_keys=True)


def _everywhere(value: Any) -> Any:
    if isinstance(value, str):
        return value if _INERT.fullmatch(value) else _text(value)
    if isinstance(value, dict):
        return {_text(name): _everywhere(one) for name, one in value.items()}
    return [_everywhere(one) for one in value] if isinstance(value, list) else value
