"""What the sandbox remembers: every record, and a log of what was effectively changed and by whom.

Nothing here speaks HTTP. Whoever changes something holds `State.lock`; the change, its effect and its events happen
under that one lock, so that nobody sees half of a transition.
"""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from service.sandbox.journal import Journal
from service.sandbox.marks import iso, new_id, now
from service.sandbox.resources import COPIES, RESOURCES
from service.sandbox.schema import Relationship

ENDED = frozenset({"completed", "failed", "aborted"})
DURING_IMPORTS = frozenset(
    f"orders.{event}"
    for event in (
        "place", "approve", "cancel", "authorize", "void", "pay", "refund",
        "start_fulfilling", "cancel_fulfilling", "fulfill",
    )
)  # fmt: skip
# An effect is a few hundred bytes; a day of storms stays within tens of megabytes.
MOST_EFFECTS = 100_000
# Whatever happens to these is told by their event stores.
_JOURNALED = frozenset(RESOURCES) - {"order_factories", "events", "event_callbacks", "event_stores"}
# The to-one relationships by which a to-many is found.
_BACKWARD = frozenset(
    (type_, other.via)
    for resource in RESOURCES.values()
    for other in resource.relationships.values()
    for type_ in (COPIES if other.type == "order_factories" else (other.type,))
    if other.via
)
_DEFAULTS = {
    type_: {name: one.default for name, one in resource.attributes.items() if name != "type"}
    for type_, resource in RESOURCES.items()
}


@dataclass(slots=True, eq=False)
class Record:
    """One resource.

    Attributes:
        type: the concrete resource, never order_factories.
        id: ten letters.
        attributes: by name, complete.
        relations: relationship to the other side's id, to-one only.
        flaws: errors that a copy of this order, or a run of this subscription, meets: {attribute: [messages]}.
        habits: how the runs of this subscription are: "manual" ones are order copies, "absent" ones do not happen.
    """

    type: str
    id: str
    attributes: dict[str, Any]
    relations: dict[str, str | None] = field(default_factory=dict)
    flaws: dict[str, list[str]] = field(default_factory=dict)
    habits: frozenset[str] = frozenset()

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
        journal: who created and changed what.
        unheard: ids of factories that an import makes: they cause no event but those of an order's status.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.effects: deque[dict[str, str]] = deque(maxlen=MOST_EFFECTS)
        self.listener: Listener = lambda _topic, _record, _cause: None
        self.journal = Journal()
        self.unheard: set[str] = set()
        self._by = "platform"
        self._moment = ""
        self._tables: dict[str, dict[str, Record]] = {name: {} for name in RESOURCES}
        self._backward: defaultdict[tuple[str, str, str], dict[str, Record]] = defaultdict(dict)
        self._recorded: dict[tuple[str, str], str] = {}
        self._numbers = itertools.count(28_030_653)

    def clear(self) -> None:
        """Forget every record and every effect."""
        with self.lock:
            for table in self._tables.values():
                table.clear()
            self._backward.clear()
            self._recorded.clear()
            self.effects.clear()
            self.journal.clear()
            self.unheard.clear()

    def now(self) -> str:
        """The present moment, or the one in which a story of the past has arrived."""
        return self._moment or now()

    @contextmanager
    def at(self, moment: datetime) -> Iterator[None]:
        """Let what happens in the block have happened at another moment."""
        with self.lock:
            self._moment = iso(moment)
            try:
                yield
            finally:
                self._moment = ""

    @contextmanager
    def asked_for(self) -> Iterator[None]:
        """Let what happens in the block have been done by a caller of the API."""
        with self.lock:
            self._by = "api"
            try:
                yield
            finally:
                self._by = "platform"

    def all(self, type_: str) -> Iterator[Record]:
        """Every record of a resource, oldest first; order_factories are both kinds of copies."""
        if type_ == "order_factories":
            return itertools.chain.from_iterable(self._tables[name].values() for name in COPIES)
        return iter(self._tables[type_].values())

    def count(self, type_: str) -> int:
        """How many records of a concrete resource there are."""
        return len(self._tables[type_])

    def find(self, type_: str, id_: str | None) -> Record | None:
        """The record of that id, or None."""
        if id_ is None:
            return None
        if type_ == "order_factories":
            return next((self._tables[name][id_] for name in COPIES if id_ in self._tables[name]), None)
        return self._tables[type_].get(id_)

    def related(self, record: Record, name: str, relationship: Relationship) -> list[Record]:
        """The records on the other side: none or one for a to-one, any number for a to-many."""
        if not relationship.known:
            return []
        if relationship.same:
            mine, theirs = relationship.same
            return [other for other in self.all(relationship.type) if other[theirs] == record[mine]]
        if relationship.via:
            types = COPIES if relationship.type == "order_factories" else (relationship.type,)
            keys = ((type_, relationship.via, record.id) for type_ in types)
            found = [other for key in keys for other in self._backward.get(key, {}).values()]
            return found[: -relationship.newest - 1 : -1] if relationship.newest else found
        other = self.find(relationship.type, record.relations.get(name))
        return [other] if other else []

    def add(
        self, type_: str, attributes: dict[str, Any], relations: dict[str, str | None], id_: str | None = None
    ) -> Record:
        """Keep a new record; attributes that are not given take the resource's defaults."""
        defaults = {name: {} if value == {} else value for name, value in _DEFAULTS[type_].items()}
        stamp = self.now()
        values = defaults | {"created_at": stamp, "updated_at": stamp} | attributes
        record = Record(type_, id_ or new_id(), values, dict(relations))
        with self.changed:
            self._tables[type_][record.id] = record
            for name, other in relations.items():
                if other is not None and (type_, name) in _BACKWARD:
                    self._backward[type_, name, other][record.id] = record
            if type_ in _JOURNALED:
                self.journal.note(type_, record.id, None, values, self._by)
            self.changed.notify_all()
        return record

    def change(self, record: Record, *, stamps: tuple[str, ...] = (), **attributes: Any) -> None:
        """Change attributes; `updated_at` and every attribute of `stamps` become one strictly later moment."""
        with self.changed:
            values = attributes | dict.fromkeys((*stamps, "updated_at"), self._later(record["updated_at"]))
            if record.type in _JOURNALED:
                self.journal.note(record.type, record.id, record.attributes, values, self._by)
            record.attributes |= values
            self.changed.notify_all()

    def remove(self, record: Record) -> None:
        """Forget one record."""
        with self.changed:
            self._tables[record.type].pop(record.id, None)
            for name, other in record.relations.items():
                self._backward.get((record.type, name, other or ""), {}).pop(record.id, None)
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
            {"at": self.now(), "effect": effect, "type": record.type, "id": record.id, "by": by, "cause": cause}
        )

    def fire(self, event: str, record: Record, cause: str = "") -> None:
        """Record the event once per resource and tell the listener.

        An event is recorded once per resource and action (docs.commercelayer.io, Events); repeated runs of a
        subscription reuse its record. During an import only the status of orders makes events (Real-time webhooks).
        """
        topic = f"{record.type}.{event}"
        if cause in self.unheard and topic not in DURING_IMPORTS:
            return
        if (record.id, topic) not in self._recorded:
            self._recorded[record.id, topic] = self.add("events", {"name": topic}, {"subject": record.id}).id
        self.listener(topic, record, cause)

    def event_of(self, record: Record, topic: str) -> str | None:
        """The id of the event that was recorded for this resource and topic, or None."""
        return self._recorded.get((record.id, topic))

    def _later(self, stamp: str) -> str:
        """The present moment, or the millisecond after `stamp` where the clock has not moved on."""
        present = self.now()
        return present if present > stamp else iso(datetime.fromisoformat(stamp) + timedelta(milliseconds=1))
