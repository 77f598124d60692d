"""Event stores: who created or changed a resource, and every attribute before and after.

Facts (Commerce Layer documentation, Event stores): `event` is create or update, `payload` holds pairs of before and
after, ids look like 1755185525941-0, lists are paged by cursor and neither counted, filtered nor sorted. The shape of
`who` is not public: it names an application, an owner and a worker, of which one has a value.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# What a journal must not repeat.
_CONFIDENTIAL = frozenset({"shared_secret"})
_EMPTY: tuple[object, ...] = (None, {}, [])


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of one resource."""

    id: str
    type: str
    subject: str
    event: str
    payload: dict[str, list[Any]]
    by: str
    at: str

    def attributes(self, application: Mapping[str, Any]) -> dict[str, Any]:
        """What the resource event_stores shows of it."""
        api = self.by == "api"
        return {
            "resource_type": self.type,
            "resource_id": self.subject,
            "event": self.event,
            "payload": self.payload,
            "who": {
                "application": dict(application) if api else None,
                "owner": None,
                "worker": None if api else {"name": self.by},
            },
            "created_at": self.at,
        }


class Journal:
    """Every change, by the resource that was changed."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._of: defaultdict[str, list[Entry]] = defaultdict(list)
        self._in_a_moment: Counter[int] = Counter()

    def note(self, type_: str, id_: str, before: dict[str, Any] | None, after: dict[str, Any], by: str) -> None:
        """Write down one change.

        Args:
            type_: the resource that was made or changed.
            id_: its id.
            before: its attributes as they were; None for a new one.
            after: the attributes that were given, with the moment in `updated_at`.
            by: "api" or "platform".
        """
        payload = {
            name: [before[name] if before else None, value]
            for name, value in after.items()
            if name not in _CONFIDENTIAL and (before[name] != value if before else value not in _EMPTY)
        }
        at = after["updated_at"]
        moment = int(datetime.fromisoformat(at).timestamp() * 1000)
        number = self._in_a_moment[moment]
        self._in_a_moment[moment] += 1
        event = "create" if before is None else "update"
        entry = Entry(f"{moment}-{number}", type_, id_, event, payload, by, at)
        self._entries[entry.id] = entry
        self._of[id_].append(entry)

    def find(self, id_: str) -> Entry | None:
        """The entry of that id, or None."""
        return self._entries.get(id_)

    def of(self, id_: str, after: str, size: int) -> tuple[list[Entry], bool]:
        """A page of what happened to one resource, oldest first, and whether more follows.

        Args:
            id_: the resource.
            after: the id of the entry before the page; empty for the first page.
            size: most entries.

        Raises:
            KeyError: `after` is no entry of this resource.
        """
        entries = self._of.get(id_, [])
        start = 0
        if after:
            start = 1 + next((n for n, entry in enumerate(entries) if entry.id == after), len(entries))
            if start > len(entries):
                raise KeyError(after)
        return entries[start : start + size], start + size < len(entries)

    def clear(self) -> None:
        """Forget every change."""
        self._entries.clear()
        self._of.clear()
        self._in_a_moment.clear()
