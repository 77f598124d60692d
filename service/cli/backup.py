"""copydesk backup."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path

import click

from service.backup import manifest
from service.backup.making import make
from service.backup.manifest import Manifest
from service.cli.opening import kept
from service.cli.output import as_json, cell, console, plain, print_facts, print_json
from service.cli.telling import telling
from service.intake.replay import Operator

despite_violations = click.option(
    "--despite-violations",
    "despite",
    is_flag=True,
    help="Also where the audit trail does not hold; needs a --reason.",
)


@click.command("backup")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--by", metavar="NAME", help="Who, for the audit trail; by default the user of the system.")
@click.option("--reason", metavar="TEXT", help="Why, for the audit trail.")
@despite_violations
@as_json
def command(path: Path, by: str | None, reason: str | None, despite: bool, as_json: bool) -> None:
    """Back up the database to PATH while everything runs; where PATH is a directory, to a file named by the time.

    The copy is checked before it gets its name, and its manifest is put beside it. Nothing is overwritten. It holds
    what the database holds: keep it as safe.
    """
    answer_for(despite=despite, reason=reason)
    place = path / f"copydesk-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.db" if path.is_dir() else path
    with kept() as store, telling() as told:
        made = make(store, place.absolute(), Operator(by or getpass.getuser(), reason), told, despite=despite)
    warn(made)
    if as_json:
        print_json(plain(made))
    else:
        print_facts({"backup": place, "manifest": manifest.place_of(place), **facts(made)})


def answer_for(*, despite: bool, reason: str | None) -> None:
    """Have somebody say why, before what does not verify is taken all the same.

    Raises:
        UsageError: nobody does.
    """
    if despite and not (reason and reason.strip()):
        raise click.UsageError("--despite-violations needs a --reason, for the audit trail")


def warn(made: Manifest) -> None:
    """Say of a backup with violations that it has them, where it is not overlooked."""
    if made.violations.count:
        console(err=True).print(f"THIS BACKUP DOES NOT VERIFY: {made.violations.count} violations", style="bold red")
        for one in made.violations.first:
            click.echo(f"  {cell(one).plain}", err=True)
        click.echo("copydesk audit verify FILE names more of them.", err=True)


def facts(made: Manifest) -> dict[str, object]:
    """What people want to know of a backup."""
    log = made.log
    return {
        "made at": made.made_at,
        "of": made.source,
        "revision": made.revision,
        "size": f"{made.size / (1 << 20):.1f} MiB",
        "sha256": made.sha256,
        "events": made.rows["events"],
        "deliveries": made.rows["deliveries"],
        "audit entries": made.rows["audit_entries"],
        "audit log": "no entry had its place" if log.size is None else f"epoch {log.epoch}, {log.size} leaves",
    }
