"""copydesk retention."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime, timedelta

import click

from service import settings
from service.cli.opening import PATIENT, kept
from service.cli.output import Column, print_json, print_table
from service.cli.output import as_json as json_option
from service.cli.privacy.leftovers import tell_leftovers
from service.cli.privacy.progress import counter
from service.cli.webhooks.common import accountable, confirm
from service.intake.replay import Operator
from service.privacy.retention import Clocks, Gone, Sweeper
from service.vault import Vault

_COLUMNS = (Column("what"), Column("kept for"), Column("goes", right=True), Column("setting"))


@click.command("retention")
@click.option("--dry-run", is_flag=True, help="Say what would go, and take nothing away.")
@click.option("--vacuum", is_flag=True, help="Write the SQLite file anew afterwards; nobody writes meanwhile.")
@accountable
@json_option
def command(dry_run: bool, vacuum: bool, by: str | None, reason: str | None, yes: bool, as_json: bool) -> None:
    """Take away now what was kept long enough; workers do so every hour.

    What is held, or what somebody works on, stays until that is over; so does a body that waits to be read.
    """
    loaded = settings.load()
    clocks, actor = Clocks.of(loaded), Operator(by or getpass.getuser(), reason).actor
    with kept(PATIENT) as store:
        now = datetime.now(UTC)
        sweeper = Sweeper(store, Vault(loaded.encryption_keys), clocks, now, actor, reason, dry_run=True)
        if dry_run:
            gone = sweeper.run()
        else:
            confirm(f"Take away {_words(sweeper.run()) if not yes else 'it'}? There is no way back.", yes=yes)
            try:
                with counter("rows") as more:
                    vault = Vault(loaded.encryption_keys)
                    gone = Sweeper(store, vault, clocks, now, actor, reason, progress=more).run()
            finally:
                # What went before a trouble leaves the same behind.
                tell_leftovers(store, vacuum=vacuum)
    if as_json:
        print_json(
            {
                "bodies": gone.bodies,
                "subjects": gone.subjects,
                "refusals": gone.refusals,
                "held_back": gone.held_back,
                "dry_run": dry_run,
            }
        )
        return
    print_table(
        _COLUMNS,
        [
            ("bodies", _days(clocks.bodies), gone.bodies, "COPYDESK_KEEP_BODIES_DAYS"),
            ("subjects", _days(clocks.metadata), gone.subjects, "COPYDESK_KEEP_METADATA_DAYS"),
            ("counts of refusals", _days(clocks.refusals), gone.refusals, "COPYDESK_KEEP_REFUSALS_DAYS"),
        ],
    )
    if gone.held_back:
        click.echo(f"copydesk: {gone.held_back} are due and stay: held, or work on them is under way", err=True)
    if dry_run:
        click.echo("A dry run: nothing was taken away.", err=True)


def _words(gone: Gone) -> str:
    return f"{gone.bodies} bodies, {gone.subjects} subjects and {gone.refusals} counts of refusals"


def _days(length: timedelta | None) -> str:
    return "for ever" if length is None else f"{length.days} days"
