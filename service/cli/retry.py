"""copydesk retry."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime

import click

from service.cli.opening import kept
from service.cli.output import ROW, as_json, print_json
from service.errors import NotFound
from service.intake.replay import Operator
from service.store import follow_up_rows, queries


@click.command("retry")
@click.argument("follow_ups", nargs=-1, type=ROW, required=True, metavar="FOLLOW_UP...")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for the audit trail.")
@click.option("--by", metavar="NAME", help="Who does this, for the audit trail; by default the user of the system.")
@as_json
def command(follow_ups: tuple[int, ...], reason: str, by: str | None, as_json: bool) -> None:
    """Have a worker try follow-ups again that came to their end.

    Mend first what made them end badly; `copydesk follow-ups --dead` lists them, each with the reason. A follow-up
    reads what is true and decides anew, so nothing is done twice.
    """
    actor = Operator(by or getpass.getuser(), reason).actor
    with kept() as store, store.write() as connection:
        for id_ in follow_ups:
            if not follow_up_rows.try_again(connection, id_, datetime.now(UTC), actor, reason):
                # All or none: whoever named a wrong number looks again before anything is done.
                raise NotFound(f"follow-up {id_} is not kept, or not at its end; nothing was planned")
        planned = [queries.follow_up(connection, id_) for id_ in dict.fromkeys(follow_ups)] if as_json else []
    if as_json:
        print_json(planned)
        return
    click.echo(f"copydesk: planned again: {', '.join(map(str, follow_ups))}", err=True)
