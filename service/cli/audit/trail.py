"""copydesk audit."""

from __future__ import annotations

import click
import sqlalchemy as sa

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
from service.cli.opening import reading
from service.cli.output import Column, print_table, resource_id
from service.cli.sentences import see, sentence
from service.errors import NotFound
from service.store import queries
from service.store.listings import LISTINGS, Asked
from service.text import line

_TRAIL = (Column("at (UTC)"), Column("of"), Column("what", fold=True), Column("see"))
_ENTRIES = LISTINGS["audit_entries"]


@click.command("trail")
@click.argument("subject", required=False)
@filters("actor", "action", "text", "since", "until")
@limit_option(100)
@after_option
@facets_option
@shaped
def command(
    subject: str | None, given: dict[str, str], limit: int, after: str | None, counted: bool, shape: Shape
) -> None:
    """Print the audit trail of SUBJECT, oldest first; without one the newest entries, newest first.

    \b
    SUBJECT is one of
      order_copies/ID, recurring_order_copies/ID
      orders/ID                with the copies that it is the source or target of
      order_subscriptions/ID   with its copies
      ID                       where only one of them has it
    """  # noqa: D301 - click's mark for lines to leave alone
    with reading() as connection:
        if subject is not None:
            given = {**given, "subject": resolved(connection, subject)}
        if counted:
            print_facets(connection, _ENTRIES, given, shape)
        else:
            print_entries(connection, Asked(given, limit=limit, after=after), shape, oldest_first=subject is not None)


def print_entries(connection: sa.Connection, asked: Asked, shape: Shape, *, oldest_first: bool = False) -> None:
    """Print a page of audit entries."""
    found = found_page(connection, _ENTRIES, asked)
    rows = found.rows[::-1] if oldest_first else found.rows
    if shape.for_people:
        told = [
            (
                row["at"],
                resource_id(row["subject"]),
                sentence(row["action"], row["actor"], row["detail"]),
                see(row["event_id"], row["follow_up_id"]),
            )
            for row in rows
        ]
        print_table(_TRAIL, told)
    else:
        shape.print(_ENTRIES.columns, rows)
    say_where(found, asked.limit)


def resolved(connection: sa.Connection, subject: str) -> str:
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
