"""copydesk prove."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from service.cli.opening import Since
from service.cli.output import Column, as_json, plain, print_json, print_table
from service.cli.site import actor, by_option, opened
from service.errors import OutsideError
from service.sweep.proof import Proof
from service.sweep.proving import prove
from service.text import line

GAPS, CANNOT_TELL = 1, 2
_COLUMNS = (Column("ledger"), Column("events or copies", right=True), Column("which", fold=True))
_SHOWN = 20


@click.command("prove")
@click.option("--from", "begin", type=Since(), default="24h", show_default=True, help="The beginning of the time.")
@click.option("--to", "end", type=Since(), help="Its end; now, unless told otherwise.")
@click.option("--backfill", is_flag=True, help="Let in what is missing.")
@by_option
@as_json
def command(begin: datetime, end: datetime | None, backfill: bool, by: str | None, as_json: bool) -> None:
    """Prove that nothing was missed: what was fired, what was received, and how the factories stand.

    \b
    Exit codes besides the usual ones:
      0  complete
      1  gaps
      2  could not tell
    """  # noqa: D301 - click's mark for lines to leave alone
    try:
        with opened() as site:
            proof = prove(site, begin, end or datetime.now(UTC), backfill=backfill, actor=actor(by))
    except OutsideError as error:
        click.echo(f"copydesk: it cannot be told: {line(str(error))}", err=True)
        click.get_current_context().exit(CANNOT_TELL)
    if as_json:
        print_json(plain(proof) | {"verdict": proof.verdict})
    else:
        show(proof)
    click.get_current_context().exit({"complete": 0, "gaps": GAPS, "unknown": CANNOT_TELL}[proof.verdict])


def show(proof: Proof) -> None:
    """Print the ledgers and what they say together."""
    listed = {
        "missing": proof.missing,
        "extra": proof.extra,
        "state unlike ours": proof.unlike,
        "deleted unheard": proof.gone,
        "aborted, no webhook": proof.aborted,
        "stuck": proof.stuck,
    }
    rows: list[tuple[object, ...]] = [
        ("fired", proof.fired, ""),
        ("received", proof.received, ""),
        ("covered by newer state", proof.covered, ""),
        ("factories", proof.factories, ""),
        ("backfilled", proof.backfilled, ""),
    ]
    rows += [
        (name, len(which), ", ".join(which[:_SHOWN]) + (" …" if which[_SHOWN:] else ""))
        for name, which in listed.items()
    ]
    print_table(_COLUMNS, rows)
    words = {"complete": "Complete.", "gaps": "There are gaps.", "unknown": "It cannot be told:"}
    click.echo(" ".join([words[proof.verdict], *(line(doubt) for doubt in proof.doubts)]), err=True)
