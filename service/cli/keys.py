"""copydesk keys: make, and change, what secrets and payloads in the store are encrypted under."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path

import click

from service import settings
from service.cli.opening import PATIENT, kept
from service.cli.privacy.leftovers import tell_leftovers
from service.cli.privacy.progress import bar
from service.cli.secret_files import add_key
from service.cli.webhooks.common import accountable, confirm
from service.intake.replay import Operator
from service.privacy import sealing
from service.store import webhook_secrets
from service.store.audit import entry, write_audit
from service.vault import NAME, Vault, new_key


@click.group("keys")
def command() -> None:
    """The keys under which secrets and payloads in the store are encrypted: COPYDESK_ENCRYPTION_KEYS."""


@command.command("generate")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--add", is_flag=True, help="Put a new key before those that FILE holds; then `copydesk keys rotate`.")
def generate(file: Path, add: bool) -> None:
    """Make a key and write it to FILE, which only its owner may read. It is never printed.

    Name the file COPYDESK_ENCRYPTION_KEYS and put it into COPYDESK_SECRETS_DIR. Keep a copy in a safe place: without
    the key, the secrets in the store have to be fetched anew, and sealed payloads are lost.
    """
    others = add_key(file, new_key().get_secret_value(), add=add)
    told = f"A new key stands before {others} others" if add else "A key is"
    click.echo(f"{told} in {file}.")


@command.command("rotate")
@accountable
def rotate(by: str | None, reason: str | None, yes: bool) -> None:
    """Bring all secrets and payloads in the store under the first of the keys; payloads that are plain are sealed.

    To change the key: `copydesk keys generate --add FILE`, restart web processes and workers, run this, and remove
    the old key from FILE. It may be broken off and called again.
    """
    vault = Vault(settings.load().encryption_keys)
    vault.check()
    confirm("Encrypt every secret and every payload in the store under the first key?", yes=yes)
    actor = Operator(by or getpass.getuser(), reason).actor
    with kept(PATIENT) as store:
        with store.write() as connection:
            number = webhook_secrets.reencrypt(connection, vault.relock)
        with bar("payloads", sealing.newest(store)) as moved:
            done = sealing.bring_up_to_date(store, vault, actor, lambda: datetime.now(UTC), moved)
        with store.write() as connection:
            told = {"secrets": number, "sealed": done.sealed, "rewrapped": done.rewrapped, "reason": reason}
            write_audit(connection, [entry(datetime.now(UTC), "keys/encryption", actor, "keys.rotated", told)])
        # What was plain until now stands in older pages of the WAL.
        tell_leftovers(store)
    click.echo(f"{number} secrets are encrypted under the first key of {NAME}.")
    click.echo(f"Payloads: {done.sealed} sealed that were plain, {done.rewrapped} data keys wrapped anew.")
