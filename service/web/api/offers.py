"""How it is written down what our API offers: routes, parameters, documents and the description come of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute.

    Attributes:
        kind: string, integer, boolean, datetime, object or array.
        flags: letters: q filterable, s sortable, c counted as a facet, b read from a kept body, t free text, which is
            scrubbed when it is shown, and of which no part is asked for with the scope read; w a word of the other
            side, which should be one of a few and is scrubbed likewise, in case it is not.
        about: what it says, for the description.
        words: all that a string may be; empty where anything may come.
    """

    kind: str
    flags: str
    about: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Relation:
    """One relationship.

    Attributes:
        type: of what is on the other side.
        many: whether there may be any number.
        includable: whether `include` may name it.
        ours: the column of our row that names the other side, for a to-one.
        theirs: the attribute of the other side's rows that names us, for a to-many.
        filters: what of the other side a list may be filtered by, with kinds.
        linked: whether linkage is shown without `include`: where knowing it costs nothing.
    """

    type: str
    about: str
    many: bool = False
    includable: bool = True
    ours: str = ""
    theirs: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)
    linked: bool = False


@dataclass(frozen=True)
class Offer:
    """What one resource offers.

    Attributes:
        type: its name in addresses and documents.
        about: what it is, in a sentence.
        attributes: in the order of the wire.
        relations: in the order of the wire.
        numbered: whether its ids are our numbers, and not the provider's ids.
        listed: whether there is a list of all of them.
        retrieved: whether one has an address.
        ids: filters by ids of our own rows that are no attributes.
        words: filters in the words of the commands.
    """

    type: str
    about: str
    attributes: Mapping[str, Attribute]
    relations: Mapping[str, Relation]
    numbered: bool = False
    listed: bool = True
    retrieved: bool = True
    ids: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """What `fields` may name; in JSON:API relationships are fields too."""
        return (*self.attributes, *self.relations)

    @property
    def sortable(self) -> tuple[str, ...]:
        """What `sort` may name."""
        return ("id", *self._with("s"))

    @property
    def facets(self) -> tuple[str, ...]:
        """What `facets` may name."""
        return tuple(self._with("c"))

    @property
    def free_texts(self) -> tuple[str, ...]:
        """What people or the other side wrote."""
        return tuple(self._with("t"))

    @property
    def scrubbed(self) -> tuple[str, ...]:
        """What is scrubbed when it is shown."""
        return (*self._with("t"), *self._with("w"))

    @property
    def includable(self) -> tuple[str, ...]:
        """What `include` may name."""
        return tuple(name for name, relation in self.relations.items() if relation.includable)

    @property
    def filterable(self) -> dict[str, str]:
        """What filters may name, with kinds: attributes, our numbers, and what lies beyond relationships."""
        found = {"id": "integer" if self.numbered else "string"}
        found |= {name: self.attributes[name].kind for name in self._with("q")}
        found |= dict.fromkeys(self.ids, "integer")
        for name, relation in self.relations.items():
            found |= {f"{name}_{far}": kind for far, kind in relation.filters.items()}
        return found

    def _with(self, flag: str) -> Iterator[str]:
        return (name for name, attribute in self.attributes.items() if flag in attribute.flags)
