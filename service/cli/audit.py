"""copydesk audit."""

from __future__ import annotations

import click
import sqlalchemy as sa

from service.cli.opening import reading
from service.cli.output import Column, as_json, print_json, print_table
from service.errors import NotFound
from service.store import queries
from service.text import line

_TRAIL = (Column("at (UTC)"), Column("who", fold=True), Column("what", fold=True), Column("detail", fold=True))


@click.command("audit")
@click.argument("subject")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="The newest of them.")
@as_json
def command(subject: str, limit: int, as_json: bool) -> None:
    """Print the audit trail of SUBJECT, oldest first.

    \b
    SUBJECT is one of
      order_copies/ID, recurring_order_copies/ID
      orders/ID                with the copies that it is the source or target of
      order_subscriptions/ID   with its copies
      ID                       where only one of them has it
    """  # noqa: D301 - click's mark for lines to leave alone
    with reading() as connection:
        name = _resolved(connection, subject)
        others = queries.related(connection, name)
        found = queries.trail(connection, [name, *others], limit=limit)
    if as_json:
        print_json(found)
        return
    columns = (_TRAIL[0], Column("about", fold=True), *_TRAIL[1:]) if others else _TRAIL
    rows = [(e.at, *((e.subject,) if others else ()), e.actor, e.action, _told(e)) for e in found]
    print_table(columns, rows)
    if len(found) == limit:
        click.echo(f"copydesk: the newest {limit}; --limit shows more", err=True)


def _resolved(connection: sa.Connection, subject: str) -> str:
    """The full name of a subject.

    Raises:
        NotFound: nothing is kept about it, or several subjects have the id.
    """
    candidates = [subject] if "/" in subject else queries.subjects_of(connection, subject)
    known = [name for name in candidates if "/" not in subject or queries.is_known(connection, name)]
    if not known:
        raise NotFound(f"nothing is kept about {line(subject, 80)}")
    if len(known) > 1:
        raise NotFound(f"{line(subject, 80)} is several things: {', '.join(known)}")
    return known[0]


def _told(entry: queries.AuditRow) -> str:
    """The detail in one line; the numbers lead to `copydesk events` and `copydesk follow-ups`."""
    links = {"event": entry.event_id, "follow-up": entry.follow_up_id}
    told = {name: value for name, value in (links | entry.detail).items() if value is not None}
    return "  ".join(f"{name}={value}" for name, value in told.items())
