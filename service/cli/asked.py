"""What commands that list the record have in common: filters, pages, facets, and four forms of output."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click
import sqlalchemy as sa

from service import settings
from service.cli.output import Column, as_json, print_csv, print_json, print_lines, print_table
from service.moments import moment
from service.store.listings import Asked, Listing, Page, facets, page, page_with
from service.vault import Vault

_WORDS = {
    "subject": ("TYPE/ID", "About one resource, such as order_copies/XAyRWNUzyN; an order with its copies."),
    "kind": ("KIND", "Of one kind, such as settle_source_order."),
    "actor": ("ACTOR", "By one actor, such as worker; operator for all operators."),
    "action": ("ACTION", "Of one action, such as note; attempt for all that begin so."),
    "topic": ("TOPIC", "Of one topic, such as order_copies.fail."),
    "status": ("STATUS", "Of one status."),
    "result": ("RESULT", "Of one result."),
    "verdict": ("VERDICT", "Of one verdict on deliveries, such as quarantine."),
    "origin": ("ORIGIN", "Told by webhook or by sweep."),
    "fingerprint": ("FINGERPRINT", "Of one cause, by its error fingerprint."),
    "mode": ("MODE", "Of test or of live."),
    "since": ("2h|7d|TIME", "Since: an age, or a time (UTC)."),
    "until": ("2h|7d|TIME", "Before: an age, or a time (UTC)."),
    "text": ("TEXT", 'With these words in a note or an error: words, "a phrase", begin*.'),
    "path": ("PATH", "With something in the kept payload, such as data.attributes.status=failed."),
}


_TIMES = ("since", "until")


def _check_time(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse what is no time before anything is opened."""
    if value is not None:
        try:
            moment(value, datetime.now(UTC))
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
    return value


@dataclass(frozen=True)
class Shape:
    """How rows are to be printed.

    Attributes:
        json, csv, ndjson: for programs; none of them for people.
    """

    json: bool
    csv: bool
    ndjson: bool

    def __post_init__(self) -> None:
        """Refuse two forms at once."""
        if self.json + self.csv + self.ndjson > 1:
            raise click.UsageError("--json, --csv and --ndjson exclude each other")

    @property
    def for_people(self) -> bool:
        """Whether a table is wanted."""
        return not (self.json or self.csv or self.ndjson)

    def print(self, columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
        """Print rows for a program."""
        if self.csv:
            print_csv(columns, rows)
        elif self.ndjson:
            print_lines(rows)
        else:
            print_json(rows)


def filters(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Options for words of the record, handed over together as `given`: word to value, those only that were given."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(**arguments: Any) -> Any:
            given = {name: value for name in names if (value := arguments.pop(f"word_{name}")) is not None}
            return function(**arguments, given=given)

        decorated: Callable[..., Any] = call
        for name in reversed(names):
            metavar, told = _WORDS[name]
            check = _check_time if name in _TIMES else None
            decorated = click.option(f"--{name}", f"word_{name}", metavar=metavar, help=told, callback=check)(decorated)
        return decorated

    return decorate


def shaped(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options for the form of the output, handed over together as `shape`."""

    @functools.wraps(function)
    def call(*, as_json: bool, as_csv: bool, as_ndjson: bool, **arguments: Any) -> Any:
        return function(**arguments, shape=Shape(as_json, as_csv, as_ndjson))

    with_lines = click.option("--ndjson", "as_ndjson", is_flag=True, help="Print one JSON object a line.")(call)
    with_csv = click.option("--csv", "as_csv", is_flag=True, help="Print CSV that is safe in spreadsheets.")(with_lines)
    return as_json(with_csv)


after_option = click.option("--after", metavar="CURSOR", help="The page after (or before) another: its cursor.")
facets_option = click.option("--facets", "counted", is_flag=True, help="Count by each word instead of listing.")


def limit_option(default: int = 50) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option for how many."""
    at_most = click.IntRange(1, 100_000)
    return click.option("--limit", type=at_most, default=default, show_default=True, help="No more than this.")


def found_page(connection: sa.Connection, listing: Listing, asked: Asked) -> Page:
    """A page; one that looks into payloads opens them with the keys of the settings.

    Raises:
        BadFilter, ConfigurationError: as `page_with`.
    """
    if "path" in asked.filters:
        return page_with(connection, listing, asked, Vault(settings.load().encryption_keys))
    return page(connection, listing, asked)


def say_where(found: Page, limit: int) -> None:
    """Say on stderr that there is more, and how to see it."""
    if found.notice:
        click.echo(f"copydesk: {found.notice}", err=True)
    if found.next:
        shown = f"the first {limit}; --limit shows more, " if not found.notice else ""
        click.echo(f"copydesk: {shown}--after {found.next} goes on", err=True)


def print_facets(connection: sa.Connection, listing: Listing, given: Mapping[str, str], shape: Shape) -> None:
    """Print how many rows have each value of each word."""
    counted = facets(connection, listing, given)
    rows = [
        {"word": word, "value": value, "count": number}
        for word, found in counted.items()
        for value, number in found.items()
    ]
    if shape.json:
        print_json({word: {value or "": number for value, number in found.items()} for word, found in counted.items()})
    elif shape.for_people:
        columns = (Column("word"), Column("value", fold=True), Column("count", right=True))
        print_table(columns, [(row["word"], row["value"], row["count"]) for row in rows])
    else:
        shape.print(("word", "value", "count"), rows)
