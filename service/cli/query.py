"""copydesk query."""

from __future__ import annotations

import click

from service import settings
from service.cli.asked import Shape, limit_option, shaped
from service.cli.output import Column, print_table
from service.errors import BadFilter
from service.store.asking_sql import answer
from service.store.connections import is_sqlite


@click.command("query")
@click.argument("sql")
@click.option(
    "--seconds", type=click.FloatRange(0.1, 600), default=10.0, show_default=True, help="Give up after so long."
)
@limit_option(1000)
@shaped
def command(sql: str, seconds: float, limit: int, shape: Shape) -> None:
    """Ask the SQLite file in SQL: one SELECT, which can change nothing.

    The tables are those of docs/schema.md. Bodies, headers, salts, keys and secrets come out empty.
    """
    url = settings.load().database_url.get_secret_value()
    if not is_sqlite(url):
        told = "it is for the embedded SQLite file; this is PostgreSQL: use psql, with a role that may only read"
        raise BadFilter("query", told)
    found = answer(url, sql, seconds=seconds, limit=limit)
    rows = [{name: _printed(value) for name, value in row.items()} for row in found.rows]
    if shape.for_people:
        print_table([Column(name, fold=True) for name in found.columns], [tuple(row.values()) for row in rows])
    else:
        shape.print(found.columns, rows)
    if found.more:
        click.echo(f"copydesk: the first {limit} rows; --limit shows more", err=True)


def _printed(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value
