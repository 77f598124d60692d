"""copydesk migrate."""

from __future__ import annotations

import click

from service.cli.output import as_json, print_json


@click.command("migrate")
@as_json
def command(as_json: bool) -> None:
    """Make the database, or bring it up to date.

    Safe to run at any time and by several at once; `serve` and `work` do the same when they start.
    """
    from service import settings  # noqa: PLC0415
    from service.store import migrate, open_store  # noqa: PLC0415

    store = open_store(settings.load().database_url.get_secret_value())
    store.close()
    if as_json:
        print_json({"database": store.dialect, "revision": migrate.head()})
        return
    click.echo(f"The database is at revision {migrate.head()}.")
