"""What an erasure leaves behind in the database's files, and what no command can reach."""

from __future__ import annotations

from pathlib import Path

import click

from service.errors import StoreUnavailable
from service.store import Store

# A file of this size is written anew in less time than a web process lets a delivery wait.
_SOON_WRITTEN = 64 << 20
_VACUUM = "run copydesk retention --vacuum"
BEYOND = "copydesk: backups, replicas, exports and what left this machine are beyond this command: see docs/privacy.md"


def tell_leftovers(store: Store, *, vacuum: bool = False, small_too: bool = False) -> None:
    """Clear older pages away as far as that goes, and say what is left to do.

    Args:
        store: the open store.
        vacuum: write the SQLite file anew, however large it is.
        small_too: write it anew where it is small.
    """
    if store.dialect == "postgresql":
        click.echo(
            "copydesk: PostgreSQL keeps older versions of these rows in its files until VACUUM, and in its log",
            err=True,
        )
        return
    size = Path(store.engine.url.database or "").stat().st_size
    if vacuum or (small_too and size <= _SOON_WRITTEN):
        try:
            store.vacuum()
        except StoreUnavailable as error:
            click.echo(
                f"copydesk: the file was not written anew ({error}): stop the processes, then {_VACUUM}", err=True
            )
    elif small_too:
        click.echo(f"copydesk: the file is large: to write it anew, stop the processes, then {_VACUUM}", err=True)
    try:
        cut = store.cut_wal()
    except StoreUnavailable:
        cut = False
    if not cut:
        click.echo(
            "copydesk: a reader keeps older pages in the -wal file: end it; a worker cuts the file later", err=True
        )
