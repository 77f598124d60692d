"""How a resource is described: attributes, relationships, actions and triggers, with their flags.

Flags are letters: c creatable, u updatable, f fetchable, q filterable, s sortable.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["string", "integer", "float", "boolean", "datetime", "object", "array"]


@dataclass(frozen=True)
class Attribute:
    """One attribute: the kind of its values, its flags, and its value in a new resource."""

    kind: Kind
    flags: str
    default: object = None


@dataclass(frozen=True)
class Relationship:
    """One relationship.

    Attributes:
        type: the resource on the other side.
        flags: as for attributes.
        via: for a to-many, the relationship of the other side that leads back here; empty for a to-one.
        newest: for a to-many, only so many, the newest first; 0 for all of them, oldest first.
        same: for a to-many, an attribute here and one of the other side that must be equal.
        known: False where the sandbox keeps nothing on the other side and only shows the links.
    """

    type: str
    flags: str = ""
    via: str = ""
    newest: int = 0
    same: tuple[str, str] | None = None
    known: bool = True

    @property
    def many(self) -> bool:
        """Whether it leads to any number of resources."""
        return bool(self.via or self.same)


@dataclass(frozen=True)
class Resource:
    """One resource: attributes and relationships in the order in which they are written; triggers with their flags."""

    attributes: dict[str, Attribute]
    relationships: dict[str, Relationship]
    actions: frozenset[str] = frozenset({"list", "retrieve", "create", "update", "delete"})
    triggers: dict[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = field(default=())
