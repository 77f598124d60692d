"""copydesk export."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from pathlib import Path

import click

from service import settings
from service.audit.bundle import MANIFEST
from service.cli.asked import filters
from service.cli.opening import kept
from service.cli.output import as_json, print_facts, print_json
from service.cli.telling import telling
from service.export.contents import FORMATS, Wish
from service.export.making import as_told, make
from service.export.questions import EXPORTED
from service.intake.replay import Operator
from service.vault import Vault

# All words that are options elsewhere, but the one that opens bodies.
_WORDS = (
    *("subject", "kind", "actor", "action", "topic", "status", "result", "verdict", "origin", "fingerprint", "mode"),
    *("since", "until", "text"),
)


@click.command("export")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--of",
    type=click.Choice(list(EXPORTED)),
    multiple=True,
    metavar="TABLE",
    help=f"What to export: {', '.join(EXPORTED)}; by default everything.",
)
@filters(*_WORDS)
@click.option("--format", "format_", type=click.Choice(FORMATS), default=FORMATS[0], show_default=True)
@click.option("--bodies", is_flag=True, help="The bodies of deliveries too, masked.")
@click.option("--unmask", is_flag=True, help="With --bodies: as they came; needs a --reason.")
@click.option("--by", metavar="NAME", help="Who, for the audit trail; by default the user of the system.")
@click.option("--reason", metavar="TEXT", help="Why, for the audit trail.")
@as_json
def command(  # noqa: PLR0913, PLR0917 - one for each option
    directory: Path,
    of: tuple[str, ...],
    given: dict[str, str],
    format_: str,
    bodies: bool,
    unmask: bool,
    by: str | None,
    reason: str | None,
    as_json: bool,
) -> None:
    """Export what is recorded into DIRECTORY, which must not be there yet.

    It has one file for each table, or one SQLite file with all of them, and a manifest: copydesk audit verify
    DIRECTORY checks it without the database. Bodies and headers are left out unless asked for, and texts are scrubbed;
    audit entries are as they are kept, but for CSV.
    """
    if unmask and not bodies:
        raise click.UsageError("--unmask goes with --bodies")
    if unmask and not (reason and reason.strip()):
        raise click.UsageError("--unmask needs a --reason, for the audit trail")
    known = settings.load()
    wish = Wish(format_, of, given, bodies, unmask, frozenset(known.shown_metadata))
    vault = Vault(known.encryption_keys)
    operator = Operator(by or getpass.getuser(), reason.strip() if reason else None)
    with kept() as store, telling() as told:
        made = make(store, directory.absolute(), wish, operator, vault, told)
    if as_json:
        print_json(asdict(made))
    else:
        print_facts({"export": directory, "made at": made.made_at, **as_told(made), MANIFEST: "what there is"})
