"""What the sandbox remembers: every record, and a log of what was effectively changed and by whom.

Nothing here speaks HTTP. Whoever changes something holds `State.lock`; the change, its effect and its events happen
under that one lock, so that nobody sees half of a transition.
"""

from __future__ import annotations

import copy
import itertools
import secrets
import string
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from service.sandbox.resources import COPIES, RESOURCES, Relationship

ENDED = frozenset({"completed", "failed", "aborted"})
# An effect is a few hundred bytes; a day of storms stays within tens of megabytes.
MOST_EFFECTS = 100_000
_ID_LETTERS = string.ascii_letters
_ID_LENGTH = 10


def iso(moment: datetime) -> str:
    """Write a moment the way Commerce Layer does: UTC, milliseconds, Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def now() -> str:
    """The present moment, as `iso` writes it."""
    return iso(datetime.now(UTC))


def after(stamp: str) -> str:
    """The present moment, or the millisecond after `stamp` where the clock has not moved on."""
    present = now()
    return present if present > stamp else iso(datetime.fromisoformat(stamp) + timedelta(milliseconds=1))


def new_id() -> str:
    """An id that looks like the provider's: ten letters, case-sensitive."""
    return "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))


@dataclass
class Record:
    """One resource.

    Attributes:
        type: the concrete resource, never order_factories.
        id: ten letters.
        attributes: by name, complete.
        relations: relationship to the other side's id, to-one only.
        flaws: errors that a copy of this order, or a run of this subscription, meets: {attribute: [messages]}.
    """

    type: str
    id: str
    attributes: dict[str, Any]
    relations: dict[str, str | None] = field(default_factory=dict)
    flaws: dict[str, list[str]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.attributes[name]


Listener = Callable[[str, Record, str], None]


class State:
    """All records of one organisation in one mode.

    Attributes:
        lock: held by whoever reads or changes records; it may be taken again by its holder.
        changed: notified after every change; its lock is `lock`.
        effects: {at, effect, type, id, by, cause}, oldest first.
        listener: told of every event: topic, record, and the id of the factory that caused it or "".
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.effects: deque[dict[str, str]] = deque(maxlen=MOST_EFFECTS)
        self.listener: Listener = lambda _topic, _record, _cause: None
        self._tables: dict[str, dict[str, Record]] = {name: {} for name in RESOURCES}
        self._recorded: set[tuple[str, str]] = set()
        self._numbers = itertools.count(28_030_653)

    def clear(self) -> None:
        """Forget every record and every effect."""
        with self.lock:
            for table in self._tables.values():
                table.clear()
            self.effects.clear()
            self._recorded.clear()

    def all(self, type_: str) -> Iterator[Record]:
        """Every record of a resource, oldest first; order_factories are both kinds of copies."""
        if type_ == "order_factories":
            return itertools.chain.from_iterable(self._tables[name].values() for name in COPIES)
        return iter(self._tables[type_].values())

    def find(self, type_: str, id_: str | None) -> Record | None:
        """The record of that id, or None."""
        if id_ is None:
            return None
        names = COPIES if type_ == "order_factories" else (type_,)
        return next((self._tables[name][id_] for name in names if id_ in self._tables[name]), None)

    def related(self, record: Record, name: str, relationship: Relationship) -> list[Record]:
        """The records on the other side: none or one for a to-one, any number for a to-many."""
        if not relationship.known:
            return []
        if relationship.via:
            others = self.all(relationship.type)
            return [other for other in others if other.relations.get(relationship.via) == record.id]
        other = self.find(relationship.type, record.relations.get(name))
        return [other] if other else []

    def add(
        self, type_: str, attributes: dict[str, Any], relations: dict[str, str | None], id_: str | None = None
    ) -> Record:
        """Keep a new record; attributes that are not given take the resource's defaults."""
        defaults = {
            name: copy.deepcopy(attribute.default)
            for name, attribute in RESOURCES[type_].attributes.items()
            if name != "type"
        }
        stamp = now()
        values = defaults | {"created_at": stamp, "updated_at": stamp} | attributes
        record = Record(type_, id_ or new_id(), values, dict(relations))
        with self.changed:
            self._tables[type_][record.id] = record
            self.changed.notify_all()
        return record

    def change(self, record: Record, *, stamps: tuple[str, ...] = (), **attributes: Any) -> None:
        """Change attributes; `updated_at` and every attribute of `stamps` become one strictly later moment."""
        with self.changed:
            moment = after(record["updated_at"])
            record.attributes |= attributes | dict.fromkeys((*stamps, "updated_at"), moment)
            self.changed.notify_all()

    def remove(self, record: Record) -> None:
        """Forget one record."""
        with self.changed:
            self._tables[record.type].pop(record.id, None)
            self.changed.notify_all()

    def number(self) -> str:
        """The next order or subscription number."""
        return str(next(self._numbers))

    def note(self, effect: str, record: Record, by: str, cause: str = "") -> None:
        """Write down that something was effectively changed.

        Args:
            effect: a verb such as cancel or place.
            record: what was changed.
            by: "platform" for what a copy does at its end, "api" for what a caller asked for.
            cause: the id of the factory that did it, or "".
        """
        self.effects.append(
            {"at": now(), "effect": effect, "type": record.type, "id": record.id, "by": by, "cause": cause}
        )

    def fire(self, event: str, record: Record, cause: str = "") -> None:
        """Record the event once per resource and tell the listener.

        An event is recorded once per resource and action (docs.commercelayer.io, Events); repeated runs of a
        subscription reuse its record.
        """
        topic = f"{record.type}.{event}"
        if (record.id, topic) not in self._recorded:
            self._recorded.add((record.id, topic))
            self.add("events", {"name": topic}, {"subject": record.id})
        self.listener(topic, record, cause)
