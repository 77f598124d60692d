"""copydesk audit keygen."""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from service.cli.secret_files import add_key
from service.errors import NoteMalformed


@click.command("keygen")
@click.argument("name")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--add", is_flag=True, help="Put a new key before those that FILE holds: it takes their place.")
def command(name: str, file: Path, add: bool) -> None:
    """Make a key that signs heads of the audit log, and write it to FILE, which only its owner may read.

    NAME is the log's name and stands in every head; best is a host and a path that are yours, such as
    example.com/copydesk. The key itself is never printed. What is printed is its public half: hand it to whoever is to
    check heads. Name the file COPYDESK_AUDIT_KEY and put it into the COPYDESK_SECRETS_DIR of the workers.
    """
    from service.merkle.notes import Signer  # noqa: PLC0415 - the help needs no cryptography

    try:
        signer = Signer(name, secrets.token_bytes(32))
    except NoteMalformed as error:
        raise click.BadParameter(str(error), param_hint="NAME") from None
    if "," in name:
        raise click.BadParameter("a comma stands between keys: leave it out", param_hint="NAME")
    others = add_key(file, signer.secret, add=add)
    told = f"A new key stands before {others} others" if add else "A key is"
    click.echo(f"{told} in {file}. Its public half:", err=True)
    click.echo(signer.verifier.text)
