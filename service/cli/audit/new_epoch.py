"""copydesk audit new-epoch."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path

import click

from service import settings
from service.cli.opening import kept
from service.cli.webhooks.common import accountable, confirm
from service.intake.replay import Operator


@click.command("new-epoch")
@accountable
def command(by: str | None, reason: str | None, yes: bool) -> None:
    """Close the epoch of the audit log that is written, and begin another.

    After a backup was restored, or a standby took over that had less: the database lacks what was published of its log,
    and workers refuse to start. The first leaf of the new epoch names the old one, how far it came here and how far it
    was published, and the reason. Nothing is lost: what had no place yet goes into the new epoch.
    """
    from service.audit import epochs, published, standing  # noqa: PLC0415 - the help needs none of it

    if not reason:
        raise click.UsageError("--reason is needed: it stands in the log for ever")
    loaded = settings.load()
    with kept() as store:
        found = standing.look(loaded, store)
        here = f"{found.log.origin} with {found.log.size} entries" if found.log else "an empty log"
        there = f"{found.newest.head.origin} with {found.newest.head.size}" if found.newest else "none"
        click.echo(f"Here: {here}. Newest published head: {there}.", err=True)
        confirm("Close this epoch and begin another? It cannot be taken back.", yes=yes)
        heads = published.read(Path(loaded.checkpoints_file)) if loaded.checkpoints_file else []
        signer = next(iter(standing.signers_of(loaded)), None)
        verifier = signer.verifier if signer else None
        actor = Operator(by or getpass.getuser(), reason).actor
        opened = epochs.open_next(store, heads, verifier, datetime.now(UTC), actor, reason)
    click.echo(f"Epoch {opened.epoch} is open: {opened.origin}. Start the workers.")
