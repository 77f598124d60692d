"""copydesk audit prove."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import click

from service.audit import evidence
from service.cli.audit.trail import resolved
from service.cli.opening import reading
from service.errors import ConfigurationError, NotFound
from service.store import queries


@click.command("prove")
@click.argument("subject")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A new file; otherwise it is printed.")
def command(subject: str, output: Path | None) -> None:
    """Prove what the trail tells of SUBJECT: its entries, each with the way to a signed head.

    Whoever has the log's public key can check it with the program in docs/audit.md, without Copydesk and without any
    other entry. What the entries say is in it in the open.
    """
    with reading() as connection:
        name = resolved(connection, subject)
        found = evidence.prove(connection, [name, *queries.related(connection, name)], datetime.now(UTC))
    proved = sum(len(epoch["entries"]) for epoch in found["epochs"])
    if not proved:
        raise NotFound(f"no entry about {name} is below a signed head yet: see copydesk audit log")
    text = json.dumps(found, indent=1) + "\n"
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        # It says in the open what the trail says, so it is its owner's.
        with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(text)
    except OSError as error:
        raise ConfigurationError([f"{output}: {error.strerror}"]) from None
    waiting = f"; {found['waiting']} more wait for a signed head" if found["waiting"] else ""
    click.echo(f"{proved} entries are proved in {output}{waiting}.")
