"""copydesk incidents."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from service.cli.asked import (
    Shape,
    after_option,
    facets_option,
    filters,
    found_page,
    limit_option,
    print_facets,
    say_where,
    shaped,
)
from service.cli.commands import FOUND_TROUBLE
from service.cli.opening import kept, reading
from service.cli.output import ROW, Column, plain, print_facts, print_json, print_table, resource_id
from service.cli.site import actor, by_option
from service.errors import NotFound
from service.incidents import lasted
from service.store import incidents as writing
from service.store import queries
from service.store.listings import LISTINGS, Asked

_LISTING = LISTINGS["incidents"]
_INCIDENTS = (
    Column("id", right=True),
    Column("first seen (UTC)"),
    Column("about", fold=True, least=12),
    Column("cause", fold=True, least=20),
    Column("status"),
    Column("count", right=True),
)
_AFFECTED = (
    Column("affected", fold=True, least=12),
    Column("count", right=True),
    Column("last seen (UTC)", fold=True, least=10),
    Column("cured (UTC)", fold=True, least=10),
    Column("detail", fold=True, least=12),
)


@click.command("incidents")
@click.argument("incident", type=ROW, required=False, metavar="[ID]")
@click.option("--open", "is_open", is_flag=True, help="Those only that are not cured.")
@click.option("--resolve", is_flag=True, help="Resolve ID by hand: what it tells is dealt with.")
@click.option("--reason", metavar="TEXT", help="Why, for the audit trail; with --resolve.")
@filters("kind", "subject", "status", "fingerprint", "since", "until")
@limit_option()
@after_option
@facets_option
@by_option
@shaped
def command(  # noqa: PLR0913 - one for each option
    *,
    incident: int | None,
    is_open: bool,
    resolve: bool,
    reason: str | None,
    given: dict[str, str],
    limit: int,
    after: str | None,
    counted: bool,
    by: str | None,
    shape: Shape,
) -> None:
    """List incidents, or show one with all whom it affects.

    An incident is failures with one cause. People are told when it begins and when it is cured, and not in between.
    """
    if incident is None:
        if resolve:
            raise click.UsageError("--resolve needs an ID")
        given |= {"standing": "open"} if is_open else {}
        _list(Asked(given, limit=limit, after=after), shape, counted=counted)
        return
    if given or after or counted:
        raise click.UsageError("an ID stands alone; filters are for the list")
    if resolve:
        with kept() as store, store.write() as connection:
            done = writing.close(connection, incident, datetime.now(UTC), actor(by), "by hand", reason=reason)
        if not done:
            click.echo(f"copydesk: incident {incident} is not open", err=True)
            click.get_current_context().exit(FOUND_TROUBLE)
    _show(incident, as_json=shape.json)


def _list(asked: Asked, shape: Shape, *, counted: bool) -> None:
    with reading() as connection:
        if counted:
            print_facets(connection, _LISTING, asked.filters, shape)
            return
        found = found_page(connection, _LISTING, asked)
    if shape.for_people:
        names = ("id", "first_seen_at", "subject", "cause", "status", "count")
        rows = [[resource_id(row[name]) if name == "subject" else row[name] for name in names] for row in found.rows]
        print_table(_INCIDENTS, rows)
    else:
        shape.print(_LISTING.columns, found.rows)
    say_where(found, asked.limit)


def _show(id_: int, *, as_json: bool) -> None:
    with reading() as connection:
        found = queries.incident(connection, id_)
        affected = queries.affected_by(connection, id_)
        trail = queries.trail(connection, [f"incidents/{id_}"])
    if found is None:
        raise NotFound(f"there is no incident {id_}")
    if as_json:
        print_json(plain(found) | {"affected": plain(affected), "trail": plain(trail)})
        return
    print_facts({name.replace("_", " "): value for name, value in plain(found).items()} | {"lasts": _length(found)})
    if affected:
        print_table(
            _AFFECTED, [(a.subject, a.count, a.last_seen_at, a.cured_at, a.detail) for a in affected], title="Affected"
        )


def _length(one: queries.IncidentRow) -> str:
    return lasted((one.resolved_at or datetime.now(UTC)) - one.first_seen_at)
