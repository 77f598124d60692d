"""How it is written down what a resource offers; the tables are in `service.resources.reference`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: string, integer, float, boolean, datetime, object or array, and its flags."""

    kind: str
    flags: str


@dataclass(frozen=True, slots=True)
class Relationship:
    """One relationship: the type on the other side, empty where the reference is not kept here, and its flags."""

    type: str
    flags: str


@dataclass(frozen=True)
class Offer:
    """What one resource offers.

    Attributes:
        type: its name in addresses and documents.
        attributes: all of them, by name.
        relationships: all of them, by name.
        actions: list, retrieve, create, update, delete.
        triggers: attributes that are written as `true` to make something happen, and are never shown.
        creatable_triggers: those of them that a create takes too.
    """

    type: str
    attributes: Mapping[str, Attribute]
    relationships: Mapping[str, Relationship]
    actions: tuple[str, ...] = ("list", "retrieve", "create", "update", "delete")
    triggers: tuple[str, ...] = ()
    creatable_triggers: tuple[str, ...] = ()

    @cached_property
    def fetchable(self) -> tuple[str, ...]:
        """What `fields` may name; in JSON:API relationships are fields too."""
        return (*self._attributes("f"), *self.relationships)

    @cached_property
    def sortable(self) -> tuple[str, ...]:
        """What `sort` may name."""
        return ("id", *self._attributes("s"))

    @cached_property
    def filterable(self) -> tuple[str, ...]:
        """The attributes that `filters` may name."""
        return ("id", *self._attributes("q"))

    @cached_property
    def filterable_relationships(self) -> tuple[str, ...]:
        """The relationships that `filters` may name, each followed by an attribute, as in `source_order_id`."""
        return tuple(self._relationships("q"))

    @cached_property
    def includable(self) -> tuple[str, ...]:
        """What `include` may name."""
        return tuple(self._relationships("i"))

    @cached_property
    def creatable(self) -> tuple[str, ...]:
        """What a create may set, relationships and triggers among it."""
        return (*self._attributes("c"), *self._relationships("c"), *self.creatable_triggers)

    @cached_property
    def updatable(self) -> tuple[str, ...]:
        """What an update may set, triggers among it."""
        return (*self._attributes("u"), *self.triggers)

    def _attributes(self, flag: str) -> Iterator[str]:
        return (name for name, attribute in self.attributes.items() if flag in attribute.flags)

    def _relationships(self, flag: str) -> Iterator[str]:
        return (name for name, relationship in self.relationships.items() if flag in relationship.flags)


def attributes(table: Mapping[str, str]) -> Mapping[str, Attribute]:
    """Read a table of "kind flags" to names; a later line of the same name wins."""
    found: dict[str, Attribute] = {}
    for group, names in table.items():
        kind, flags = group.split()
        found |= {name: Attribute(kind, flags) for name in names.split()}
    return MappingProxyType(found)


def relationships(table: Mapping[str, str]) -> Mapping[str, Relationship]:
    """Read a table of "type flags" to names; a type of `*` is one whose reference is not kept here."""
    found: dict[str, Relationship] = {}
    for group, names in table.items():
        type_, _, flags = group.partition(" ")
        found |= {name: Relationship("" if type_ == "*" else type_, flags) for name in names.split()}
    return MappingProxyType(found)
