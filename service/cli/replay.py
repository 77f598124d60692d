"""copydesk replay."""

from __future__ import annotations

import getpass

import click

from service import settings
from service.cli.commands import FOUND_TROUBLE
from service.cli.opening import kept
from service.cli.output import ROW, Column, as_json, plain, print_json, print_table
from service.cli.serve import switchboard
from service.intake.door import Door
from service.intake.replay import Operator, Replayed, replay_delivery, replay_event

_COLUMNS = (
    Column("event", right=True),
    Column("delivery", right=True),
    Column("subject", fold=True),
    Column("result", fold=True),
    Column("what differs", fold=True),
)


@click.command("replay")
@click.argument("events", nargs=-1, type=ROW, metavar="[EVENT]...")
@click.option(
    "--delivery", "deliveries", type=ROW, multiple=True, metavar="ID", help="One that stands apart; repeatable."
)
@click.option("--dry-run", is_flag=True, help="Say what would differ, and write nothing.")
@click.option("--by", metavar="NAME", help="Who does this, for the audit trail; by default the user of the system.")
@click.option("--reason", metavar="TEXT", help="Why, for the audit trail.")
@as_json
def command(
    events: tuple[int, ...],
    deliveries: tuple[int, ...],
    dry_run: bool,
    by: str | None,
    reason: str | None,
    as_json: bool,
) -> None:
    """Run today's handlers again on the kept bytes of the newest delivery of each EVENT.

    Effects stay single: states only advance, and what was planned once is not planned again. Ids of deliveries that
    stand apart are listed by `copydesk events --quarantine`.
    """
    if not events and not deliveries:
        raise click.UsageError("name an EVENT or a --delivery")
    loaded = settings.load("worker")
    door = Door.of(loaded, switchboard())
    operator = Operator(by or getpass.getuser(), reason)
    with kept() as store:
        # Each is a transaction of its own: one that is not kept does not undo those before it.
        found = [replay_event(store, door, one, operator, dry_run=dry_run) for one in events]
        found += [replay_delivery(store, door, one, operator, dry_run=dry_run) for one in deliveries]
    if as_json:
        print_json([plain(one) | {"changes": one.changes, "dry_run": dry_run} for one in found])
    else:
        rows = [(one.event_id, one.delivery_id, one.subject or one.topic, one.result, _differs(one)) for one in found]
        print_table(_COLUMNS, rows)
        if dry_run:
            click.echo("A dry run: nothing was written.", err=True)
    if any(one.result in ("failed", "quarantine") for one in found):
        click.get_current_context().exit(FOUND_TROUBLE)


def _differs(one: Replayed) -> str:
    """What is other than before, in one cell."""
    parts = [*one.states, *(f"new follow-up {identity}" for identity in one.follow_ups)]
    if one.result != one.result_before:
        parts.append(f"{one.result_before} → {one.result}")
    if one.error and one.error != one.error_before:
        parts.append(one.error)
    return "; ".join(parts) or "nothing"
