"""Which rows of which tables somebody's wish means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from service.errors import BadFilter
from service.export.contents import LISTED, OF_THE_LOG, Wish
from service.store.listings import LISTINGS, Listing
from service.store.listings.asking import conditions
from service.store.schema import incident_subjects, incidents

# The lists whose rows are exported, by name.
EXPORTED: Mapping[str, Listing] = {table.name: LISTINGS[table.name] for table in LISTED if table.name in LISTINGS}


@dataclass(frozen=True)
class Question:
    """Rows of one table.

    Attributes:
        table: which.
        where: what must hold of them.
    """

    table: sa.Table
    where: Sequence[sa.ColumnElement[bool]] = ()


def questions(connection: sa.Connection, wish: Wish, at: datetime) -> list[Question]:
    """What is to be read for a wish, in the order in which it is written.

    Args:
        connection: a snapshot.
        wish: what is wanted.
        at: what ages in filters are counted from.

    Raises:
        BadFilter: there is no such table, or a filter that it does not understand, or none understands.
    """
    names = list(dict.fromkeys(wish.of)) or _understanding(wish)
    asked = {name: conditions(connection, _listing(name), wish.filters, at) for name in names}
    found = [Question(table, asked[table.name]) for table in LISTED if table.name in asked]
    if "incidents" in asked:
        hit = sa.select(incidents.c.id).where(*asked["incidents"])
        found.append(Question(incident_subjects, [incident_subjects.c.incident_id.in_(hit)] if wish.filters else []))
    return found if wish.format == "csv" else [*found, *map(Question, OF_THE_LOG)]


def _listing(name: str) -> Listing:
    if name not in EXPORTED:
        raise BadFilter("list", "there is no such list in exports", list(EXPORTED))
    return EXPORTED[name]


def _understanding(wish: Wish) -> list[str]:
    """The lists that know every word of the filters, where nobody says which lists are wanted."""
    found = [name for name, listing in EXPORTED.items() if all(word in listing.words for word in wish.filters)]
    if not found:
        known = sorted({word for listing in EXPORTED.values() for word in listing.words})
        raise BadFilter("filter", f"no list understands {' and '.join(wish.filters)} together", known)
    return found
