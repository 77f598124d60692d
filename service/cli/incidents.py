"""copydesk incidents."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from service.cli.commands import FOUND_TROUBLE
from service.cli.opening import kept, reading
from service.cli.output import Column, as_json, plain, print_facts, print_json, print_table, resource_id, say_more
from service.cli.site import actor, by_option
from service.errors import NotFound
from service.incidents import lasted
from service.store import incidents as writing
from service.store import queries

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
@click.argument("incident", type=int, required=False, metavar="[ID]")
@click.option("--open", "is_open", is_flag=True, help="Those only that are not cured.")
@click.option("--resolve", is_flag=True, help="Resolve ID by hand: what it tells is dealt with.")
@click.option("--reason", metavar="TEXT", help="Why, for the audit trail; with --resolve.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="No more than this.")
@by_option
@as_json
def command(
    incident: int | None,
    is_open: bool,
    resolve: bool,
    reason: str | None,
    limit: int,
    by: str | None,
    as_json: bool,
) -> None:
    """List incidents, or show one with all whom it affects.

    An incident is failures with one cause. People are told when it begins and when it is cured, and not in between.
    """
    if incident is None:
        if resolve:
            raise click.UsageError("--resolve needs an ID")
        _list(is_open=is_open, limit=limit, as_json=as_json)
        return
    if resolve:
        with kept() as store, store.write() as connection:
            done = writing.close(connection, incident, datetime.now(UTC), actor(by), "by hand", reason=reason)
        if not done:
            click.echo(f"copydesk: incident {incident} is not open", err=True)
            click.get_current_context().exit(FOUND_TROUBLE)
    _show(incident, as_json=as_json)


def _list(*, is_open: bool, limit: int, as_json: bool) -> None:
    with reading() as connection:
        found = queries.incidents(connection, is_open=is_open, limit=limit)
    if as_json:
        print_json(found)
        return
    rows = [(i.id, i.first_seen_at, resource_id(i.subject), i.cause, i.status, i.count) for i in found]
    print_table(_INCIDENTS, rows)
    say_more(found, limit)


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
