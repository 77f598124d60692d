"""copydesk keys: make, and change, what secrets in the store are encrypted under."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path

import click

from service import settings
from service.cli.opening import kept
from service.cli.secret_files import add_key
from service.cli.webhooks.common import accountable, confirm
from service.intake.replay import Operator
from service.store import webhook_secrets
from service.store.audit import entry, write_audit
from service.vault import NAME, Vault, new_key


@click.group("keys")
def command() -> None:
    """The keys under which webhook secrets in the store are encrypted: COPYDESK_ENCRYPTION_KEYS."""


@command.command("generate")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--add", is_flag=True, help="Put a new key before those that FILE holds; then `copydesk keys rotate`.")
def generate(file: Path, add: bool) -> None:
    """Make a key and write it to FILE, which only its owner may read. It is never printed.

    Name the file COPYDESK_ENCRYPTION_KEYS and put it into COPYDESK_SECRETS_DIR. Keep a copy in a safe place: without
    the key, the secrets in the store have to be fetched anew.
    """
    others = add_key(file, new_key().get_secret_value(), add=add)
    told = f"A new key stands before {others} others" if add else "A key is"
    click.echo(f"{told} in {file}.")


@command.command("rotate")
@accountable
def rotate(by: str | None, reason: str | None, yes: bool) -> None:
    """Encrypt every secret in the store anew, under the first of the keys.

    To change the key: `copydesk keys generate --add FILE`, restart web processes and workers, run this, and remove
    the old key from FILE.
    """
    vault = Vault(settings.load().encryption_keys)
    vault.check()
    confirm("Encrypt every secret in the store under the first key?", yes=yes)
    with kept() as store, store.write() as connection:
        number = webhook_secrets.reencrypt(connection, vault.relock)
        told = {"secrets": number, "reason": reason}
        actor = Operator(by or getpass.getuser(), reason).actor
        write_audit(connection, [entry(datetime.now(UTC), "keys/encryption", actor, "keys.rotated", told)])
    click.echo(f"{number} secrets are encrypted under the first key of {NAME}.")
