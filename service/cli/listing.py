"""Lists of the reference: what may be asked of them, and how they are printed while they are read."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import click
from rich.progress import Progress

from service.cli.opening import Since
from service.cli.output import as_json, console, print_facts, print_json, print_json_array, print_table
from service.cli.provider import Kind, Provider, ResourceId, as_facts, as_object, cells, columns, provider, retrieve
from service.clients.commerce_layer import CommerceLayer
from service.clients.listing import Listing, Page
from service.resources import OrderFactory
from service.text import line

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A list of up to so many pages is read at once; a longer one leaves the workers a part of the minute's requests.
_AT_ONCE = 20
_PAGE_SECONDS = {"test": 1.0, "live": 0.5}

Pages = Iterator[Page[OrderFactory]]


class Filter(click.ParamType[tuple[str, str]]):
    """One filter, such as status_eq=failed."""

    name = "filter"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Split it at the first equals sign."""
        if isinstance(value, tuple):
            return value
        key, equals, wanted = str(value).partition("=")
        if not key or not equals:
            self.fail(
                f"{line(str(value), 80)!r} is not ATTRIBUTE_PREDICATE=VALUE, such as status_eq=failed", param, ctx
            )
        return key, wanted


_include = click.option("--include", "include", multiple=True, metavar="PATH", help="For --json: what to show in full.")


def list_command(kind: Kind) -> click.Command:
    """The `list` of a kind."""

    @click.command("list", help=f"List {kind.words}, those that changed last first.")
    @click.option(
        "--filter", "filters", type=Filter(), multiple=True, metavar="NAME=VALUE", help="As status_eq=failed."
    )
    @click.option("--sort", metavar="NAMES", help='By attributes; "-" before one is descending.')
    @_include
    @click.option("--since", type=Since(), help="Changed since: an age, or a time (UTC).")
    @click.option("--all", "whole", is_flag=True, help="All of them, oldest first unless sorted, not the first 25.")
    @as_json
    def command(
        filters: tuple[tuple[str, str], ...],
        sort: str | None,
        include: tuple[str, ...],
        since: datetime | None,
        whole: bool,
        as_json: bool,
    ) -> None:
        asked = _asked(filters, since)
        with provider() as here:
            listing = _listing(here.client, kind, asked, sort, include, whole=whole)
            here.client.check_identity()
            pages = iter(listing) if whole else iter([next(iter(listing))])
            _print_pages(kind, pages, include, here, as_json=as_json)

    return command


def show_command(kind: Kind) -> click.Command:
    """The `show` of a kind."""

    @click.command("show", help=f"Show one of the {kind.words} with its orders.")
    @click.argument("id", type=ResourceId(), metavar="ID")
    @_include
    @as_json
    def command(id: str, include: tuple[str, ...], as_json: bool) -> None:  # noqa: A002 - the name that the help shows
        with provider() as here:
            here.client.check_identity()
            found = retrieve(here.client, kind, id, _paths(include))
        if as_json:
            print_json(as_object(found, _paths(include)))
        else:
            print_facts(as_facts(found))

    return command


def _paths(include: tuple[str, ...]) -> tuple[str, ...]:
    """Paths, each option one or a comma list of them."""
    return tuple(path.strip() for given in include for path in given.split(",") if path.strip())


def _asked(filters: tuple[tuple[str, str], ...], since: datetime | None) -> dict[str, str | datetime]:
    """The filters together; two of one name would be one of them, silently."""
    asked: dict[str, str | datetime] = {}
    for key, value in filters:
        if key in asked or (since and key == "updated_at_gteq"):
            raise click.UsageError(f"{line(key, 80)} is asked for twice")
        asked[key] = value
    return asked | ({"updated_at_gteq": since} if since else {})


def _listing(
    client: CommerceLayer,
    kind: Kind,
    asked: dict[str, str | datetime],
    sort: str | None,
    include: tuple[str, ...],
    *,
    whole: bool,
) -> Listing[OrderFactory]:
    """The list that is wanted; nothing is asked yet.

    A whole list that nobody wants sorted is followed along the time of creation, which never changes: so none is
    skipped or listed twice, though they change while they are read.

    Raises:
        NotOffered: a filter, sort or path that the kind does not offer.
    """
    collection, paths = kind.collection(client), _paths(include)
    # Where only ids are wanted of what is beside a factory, one attribute is enough.
    types = {kind.offer.relationships[name].type for name in kind.ends}
    fields = None if paths else dict.fromkeys(sorted(types), "status")
    shown = dict.fromkeys((*kind.ends, *paths))
    if whole and sort is None and "created_at_gteq" not in asked:
        return collection.changes(_EPOCH, time="created_at", filters=asked, include=shown, fields=fields)
    return collection.list(sort=sort or "-updated_at", filters=asked, include=shown, fields=fields)


def _print_pages(kind: Kind, pages: Pages, include: tuple[str, ...], here: Provider, *, as_json: bool) -> None:
    """Print them as they come, and say on stderr how many more there are."""
    first = next(pages)
    seen = 0
    # A bar and what is printed meanwhile would spoil each other on one screen.
    hidden = not sys.stderr.isatty() or (as_json and sys.stdout.isatty())
    with Progress(console=console(err=True), transient=True, disable=hidden) as progress:
        task = progress.add_task(kind.words, total=first.record_count)

        def factories() -> Iterator[OrderFactory]:
            nonlocal seen
            for page in chain([first], _paced(kind, pages, first, here)):
                seen += len(page.items)
                yield from page.items
                progress.update(task, completed=seen)

        if as_json:
            print_json_array(as_object(factory, _paths(include)) for factory in factories())
        else:
            rows = [cells(kind, factory) for factory in factories()]
    if not as_json:
        print_table(columns(kind), rows)
    if first.record_count is not None and seen < first.record_count:
        click.echo(f"copydesk: the first {seen} of {first.record_count}; --all lists them", err=True)


def _paced(kind: Kind, pages: Pages, first: Page[OrderFactory], here: Provider) -> Pages:
    """The further pages, within the installation's limits; a long list leaves the workers some of them."""
    pause = _PAGE_SECONDS[here.settings.mode] if (first.page_count or 0) > _AT_ONCE else 0.0
    while True:
        began = time.monotonic()
        here.budget.wait_for(f"GET {kind.offer.type}")
        page = next(pages, None)
        if page is None:
            return
        yield page
        time.sleep(max(0.0, pause - (time.monotonic() - began)))
