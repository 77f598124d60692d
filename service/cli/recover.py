"""copydesk recover."""

from __future__ import annotations

from datetime import datetime

import click

from service.cli.opening import Since
from service.cli.output import as_json, plain, print_facts, print_json
from service.cli.prove import EXITS, show
from service.cli.site import actor, by_option, opened, progress
from service.sweep.recovery import recover


@click.command("recover")
@click.argument("topic", required=False)
@click.option("--since", type=Since(), help="When the silence began; by default the last event of the silent topics.")
@by_option
@as_json
def command(topic: str | None, since: datetime | None, by: str | None, as_json: bool) -> None:
    """Reset the open circuit of TOPIC, or of every topic, and let in what was missed.

    Run it again where it was broken off: it goes on from the same beginning, and nothing takes effect twice.

    \b
    Exit codes besides the usual ones, those of its proof:
      0  complete
      1  gaps
      2  could not tell
    """  # noqa: D301 - click's mark for lines to leave alone
    with opened() as site, progress() as told:
        card = recover(site, topic, since=since, actor=actor(by), progress=told)
    if as_json:
        print_json(plain(card) | {"duration": card.duration, "verdict": card.proof.verdict})
    else:
        print_facts(
            {
                "silent since": card.since,
                "duration": card.duration,
                "received late": card.late,
                "backfilled": card.backfilled,
                "duplicates": card.duplicates,
                "actions": "; ".join(card.actions),
            }
        )
        show(card.proof)
    click.get_current_context().exit(EXITS[card.proof.verdict])
