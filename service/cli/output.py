"""What commands print: tables for people, JSON for programs. Nothing that came from outside is ever interpreted."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from service.csv_text import csv_lines
from service.errors import ConfigurationError
from service.masking import masked_metadata, scrubbed
from service.text import line

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")

# The number of a row, as both databases have them.
ROW = click.IntRange(0, 2**63 - 1)
# Where nobody looks at a screen, lines are as long as they are, so that grep and cut find whole values.
_NO_SCREEN = 100_000
# Where a run of the command line keeps what `shown_metadata` read.
_SHOWN = f"{__name__}.shown_metadata"
_STYLES = {
    "failed": "red",
    "aborted": "red",
    "dead": "red",
    "refused": "red",
    "FAIL": "bold red",
    "died": "red",
    "quarantine": "yellow",
    "warn": "yellow",
    "unavailable": "yellow",
    "unknown": "yellow",
    "done": "green",
    "completed": "green",
    "ok": "green",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        title: its heading.
        fold: whether a long value goes over several lines where the screen is narrow; the others stay whole.
        right: whether it is a number.
        least: characters that it has at least, so that what it holds is never folded in the middle.
    """

    title: str
    fold: bool = False
    right: bool = False
    least: int | None = None


def console(*, err: bool = False) -> Console:
    """Where tables go: as wide as the screen, or without a limit where there is none."""
    stream = sys.stderr if err else sys.stdout
    width = None if stream.isatty() else _NO_SCREEN
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


def cell(value: object) -> Text:
    """One value as inert text: no markup, no control characters, one line, and nothing that looks like somebody's."""
    if value is None:
        return Text("-", style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    text = seconds(value) if isinstance(value, datetime) else scrubbed(line(str(value)))
    return Text(text, style=_STYLES.get(text, ""))


def seconds(time: datetime) -> str:
    """A time for people: UTC, to the second."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def resource_id(subject: str) -> str:
    """The id of a subject, where its type would take the room; `copydesk audit` takes the id alone too."""
    return subject.partition("/")[2] or subject


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
    """Print rows under headings, or that there are none."""
    out = console()
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        table.add_column(
            Text(column.title),
            overflow="fold" if column.fold else "ellipsis",
            no_wrap=not column.fold,
            justify="right" if column.right else "left",
            min_width=column.least,
        )
    for row in rows:
        table.add_row(*map(cell, row))
    if title:
        out.print()
        out.print(Text(title, style="bold"))
    out.print(table if table.row_count else Text("none", style="dim"), soft_wrap=not table.row_count)


def print_lines_of_their_own(title: str, rows: Iterable[tuple[str, str]]) -> None:
    """Print what is copied by hand: each value on a line of its own, in one piece however narrow the screen is."""
    out = console()
    out.print()
    out.print(Text(title, style="bold"))
    told = list(rows)
    for about, value in told:
        out.print(cell(about))
        out.print(Text(line(value)), soft_wrap=True)
    if not told:
        out.print(Text("none", style="dim"))


def print_facts(facts: Mapping[str, object], *, err: bool = False) -> None:
    """Print names and values, one below the other."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if name == "metadata" and isinstance(value, Mapping | str):
            value = json.dumps(showable(value, name))  # noqa: PLW2901 - the same, as it may be shown
        table.add_row(Text(name), cell(value))
    console(err=err).print(table)


def json_text(value: object, *, indent: int | None = None) -> str:
    """JSON that neither a terminal nor a page of HTML around it can take for anything else.

    What is beyond ASCII is escaped, and so are the signs with which markup begins; outside of strings JSON has none.
    """
    text = json.dumps(value, indent=indent)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def print_json(value: object) -> None:
    """Print one JSON value, masked; everything beyond ASCII is escaped, so that a terminal is safe from it."""
    click.echo(json_text(showable(plain(value)), indent=2))


def print_lines(values: Iterable[object]) -> None:
    """Print each value as one line of JSON."""
    for value in values:
        click.echo(json_text(showable(plain(value))))


def print_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Print rows as CSV that no spreadsheet takes for formulas."""
    for piece in csv_lines(columns, ([showable(plain(row[name]), name) for name in columns] for row in rows)):
        click.echo(piece, nl=False)


def print_json_array(values: Iterable[object]) -> None:
    """Print values as one JSON array while they come; cut short by an error, it is no JSON, so no half is a whole."""
    begun = False
    for value in values:
        text = json_text(showable(plain(value)), indent=2).replace("\n", "\n  ")
        click.echo(("," if begun else "[") + f"\n  {text}", nl=False)
        begun = True
    click.echo("\n]" if begun else "[]")


def plain(value: object) -> Any:
    """Reduce rows to what JSON has: dataclasses to objects, times to ISO 8601 in UTC."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def showable(value: Any, name: str = "") -> Any:
    """A JSON value as it may be shown: its texts scrubbed, and what is metadata masked.

    Args:
        value: the value.
        name: of the member that it is.
    """
    if name == "metadata" and value:
        return masked_metadata(_read(value), shown_metadata())
    if isinstance(value, Mapping):
        return {scrubbed(key): showable(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [showable(one) for one in value]
    return scrubbed(value) if isinstance(value, str) else value


def _read(metadata: Any) -> Any:
    """The audit trail keeps metadata as a text."""
    try:
        return json.loads(metadata) if isinstance(metadata, str) else metadata
    except ValueError:
        return metadata


def shown_metadata() -> frozenset[str]:
    """The keys of metadata that the settings let be shown; none where the settings are wrong, which others tell."""
    from service import settings  # noqa: PLC0415 - most output has no metadata, and reading settings takes long

    context = click.get_current_context(silent=True)
    known: dict[str, Any] = {} if context is None else context.meta
    if _SHOWN not in known:
        try:
            known[_SHOWN] = frozenset(settings.load().shown_metadata)
        except ConfigurationError:
            known[_SHOWN] = frozenset[str]()
    shown: frozenset[str] = known[_SHOWN]
    return shown


def show_metadata(keys: Iterable[str]) -> None:
    """Let these keys be shown too for the rest of the command: whoever typed their values knows them."""
    click.get_current_context().meta[_SHOWN] = shown_metadata() | frozenset(keys)
