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
EXITS = {"complete": 0, "gaps": GAPS, "unknown": CANNOT_TELL}
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
    click.get_current_context().exit(EXITS[proof.verdict])


def show(proof: Proof) -> None:
    """Print the ledgers and what they say together; one that could not be read has a dash, since nothing is no zero."""
    rows: list[tuple[object, ...]] = [
        _counted("fired", proof.fired, proof.fired),
        _counted("received", proof.fired, proof.received),
        _counted("covered by newer state", proof.fired, proof.covered),
        _listed("missing", proof.fired, proof.missing),
        _listed("extra", proof.fired, proof.extra),
        _counted("factories", proof.factories, proof.factories),
        _listed("state unlike ours", proof.factories, proof.unlike),
        _listed("deleted unheard", proof.factories, proof.gone),
        _listed("aborted, no webhook", proof.factories, proof.aborted),
        _listed("stuck", proof.factories, proof.stuck),
        ("backfilled", proof.backfilled, ""),
    ]
    print_table(_COLUMNS, rows)
    words = {"complete": "Complete.", "gaps": "There are gaps.", "unknown": "It cannot be told:"}
    click.echo(" ".join([words[proof.verdict], *(line(doubt) for doubt in proof.doubts)]), err=True)


def _counted(name: str, ledger: int | None, number: int | None) -> tuple[object, ...]:
    return (name, None if ledger is None else number, "")


def _listed(name: str, ledger: int | None, which: tuple[str, ...]) -> tuple[object, ...]:
    shown = ", ".join(which[:_SHOWN]) + (" …" if which[_SHOWN:] else "")
    return (name, None if ledger is None else len(which), shown)
