"""copydesk hold."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime

import click

from service.cli.opening import kept, reading
from service.cli.output import Column, as_json, print_json, print_table
from service.cli.privacy.naming import subject_of
from service.cli.webhooks.common import accountable, confirm
from service.errors import NotFound
from service.intake.replay import Operator
from service.store import holds, queries

_COLUMNS = (Column("subject"), Column("since (UTC)"), Column("by"), Column("why", fold=True), Column("released (UTC)"))


@click.group("hold")
def command() -> None:
    """Legal holds: what must be kept, whoever asks for its erasure and however old it is.

    A hold on an order keeps all that belong to it too: its copies, the orders these made, their subscription.
    """


@command.command("place")
@click.argument("subject")
@click.option("--reason", required=True, metavar="TEXT", help="Why, such as the number of a case; no personal data.")
@click.option("--by", metavar="NAME", help="Who, for the audit trail; by default the user of the system.")
def place(subject: str, reason: str, by: str | None) -> None:
    """Keep SUBJECT (TYPE/ID) and all that belong to it from being erased, also what is still to come."""
    actor = Operator(by or getpass.getuser(), reason).actor
    with kept() as store, store.write() as connection:
        name = subject_of(connection, subject)
        known = queries.is_known(connection, name)
        new = holds.place(connection, name, reason, actor, datetime.now(UTC))
    click.echo(f"{name} is held." if new else f"{name} was held already.")
    if not known:
        click.echo("copydesk: nothing is kept about it so far; is it spelt so?", err=True)


@command.command("release")
@click.argument("subject")
@accountable
def release(subject: str, by: str | None, reason: str | None, yes: bool) -> None:
    """Let SUBJECT be erased again; what is old enough goes with the next run by the clock."""
    actor = Operator(by or getpass.getuser(), reason).actor
    with kept() as store:
        with store.read() as connection:
            name = subject_of(connection, subject)
        confirm(f"Release the hold on {name}?", yes=yes)
        with store.write() as connection:
            if not holds.release(connection, name, reason, actor, datetime.now(UTC)):
                raise NotFound(f"{name} is not held")
    click.echo(f"{name} is not held any more.")


@command.command("list")
@click.option("--all", "released_too", is_flag=True, help="Those that were released too.")
@as_json
def list_(released_too: bool, as_json: bool) -> None:
    """List what is held, newest first."""
    with reading() as connection:
        found = holds.listed(connection, standing=not released_too)
    if as_json:
        print_json(found)
        return
    print_table(_COLUMNS, [(h.subject, h.placed_at, h.placed_by, h.reason, h.released_at) for h in found])
