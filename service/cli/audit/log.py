"""copydesk audit log."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import click
import sqlalchemy as sa

from service.cli.opening import reading
from service.cli.output import Column, as_json, print_facts, print_json, print_lines_of_their_own, print_table
from service.errors import NotFound
from service.store import log as log_rows
from service.store import log_heads
from service.store.log import Log
from service.store.log_heads import LogKey

_EPOCHS = (
    Column("epoch", right=True),
    Column("origin", fold=True),
    Column("size", right=True),
    Column("opened (UTC)"),
    Column("closed (UTC)"),
)
_HEADS = (Column("published (UTC)"), Column("origin", fold=True), Column("size", right=True), Column("root", fold=True))


@click.command("log")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=10, show_default=True, help="The newest of the heads."
)
@as_json
def command(limit: int, as_json: bool) -> None:
    """Print how the log stands that proves the audit trail: its head, its keys, the heads that were published."""
    with reading() as connection:
        found = _found(connection, limit)
    if as_json:
        print_json(found)
        return
    facts = {name: found[name] for name in ("origin", "epoch", "size", "root", "waiting_since")}
    print_facts(facts | {"head": "signed, below" if found["head"] else "not signed"})
    if found["head"]:
        click.echo(f"\n{found['head']}", nl=False)
    if len(found["epochs"]) > 1:
        rows = [(e["epoch"], e["origin"], e["size"], e["opened_at"], e["closed_at"]) for e in found["epochs"]]
        print_table(_EPOCHS, rows, title="Epochs")
    print_lines_of_their_own(
        "Keys, each with the epoch and size of its first and last head",
        [(f"from {k.epoch}:{k.from_size}{_until(k)}", k.verifier) for k in found["keys"]],
    )
    heads = [(h["at"], h["origin"], h["size"], h["root"]) for h in found["published"]]
    print_table(_HEADS, heads, title="Published heads")


def _found(connection: sa.Connection, limit: int) -> dict[str, Any]:
    """How the log stands, for programs.

    Raises:
        NotFound: nothing was sequenced yet.
    """
    epochs = log_rows.epochs(connection)
    if not epochs:
        raise NotFound("nothing has its place in the log yet: a worker gives it, copydesk work")
    current, origins = epochs[-1], {one.epoch: one.origin for one in epochs}
    return {
        **_epoch(current),
        "head": current.head,
        "waiting_since": log_rows.waiting_since(connection),
        "epochs": [_epoch(one) for one in epochs],
        "keys": log_heads.keys(connection),
        "published": [
            {
                "at": one.at,
                "origin": origins[one.epoch],
                "epoch": one.epoch,
                "size": one.size,
                "root": b64encode(one.root).decode(),
                "note": one.note,
            }
            for one in log_heads.published(connection, limit=limit)
        ],
    }


def _until(key: LogKey) -> str:
    return f" until {key.until_epoch}:{key.until_size}" if key.until_epoch else ""


def _epoch(one: Log) -> dict[str, Any]:
    return {
        "epoch": one.epoch,
        "origin": one.origin,
        "size": one.size,
        "root": b64encode(one.frontier.root).decode(),
        "opened_at": one.opened_at,
        "closed_at": one.closed_at,
    }
