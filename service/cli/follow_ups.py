"""copydesk follow-ups."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import sqlalchemy as sa

from service.cli.asked import (
    Shape,
    after_option,
    facets_option,
    filters,
    found_page,
    limit_option,
    print_facets,
    say_where,
    shaped,
)
from service.cli.opening import reading
from service.cli.output import (
    ROW,
    Column,
    plain,
    print_facts,
    print_json,
    print_table,
    resource_id,
    seconds,
    showable,
)
from service.errors import NotFound
from service.store import queries
from service.store.listings import LISTINGS, Asked

_LISTING = LISTINGS["follow_ups"]
_NAMES = tuple(queries.FollowUpRow.__dataclass_fields__)
_FOLLOW_UPS = (
    Column("id", right=True),
    Column("due (UTC)"),
    Column("kind", fold=True),
    Column("of"),
    Column("status"),
    Column("tries", right=True),
    Column("result", fold=True),
)
_ATTEMPTS = (
    Column("try", right=True),
    Column("started (UTC)"),
    Column("took", right=True),
    Column("result"),
    Column("request id", fold=True),
    Column("detail", fold=True),
)


@click.command("follow-ups")
@click.argument("id", required=False, type=ROW, metavar="[ID]")
@click.option("--open", "is_open", is_flag=True, help="Those not at an end, by when they are due.")
@click.option("--dead", "given_up", is_flag=True, help="Those given up or refused: a person must look.")
@filters("kind", "subject", "status", "since", "until")
@limit_option()
@after_option
@facets_option
@shaped
def command(  # noqa: PLR0913 - one for each option
    *,
    id: int | None,  # noqa: A002 - the name that the help shows
    is_open: bool,
    given_up: bool,
    given: dict[str, str],
    limit: int,
    after: str | None,
    counted: bool,
    shape: Shape,
) -> None:
    """List what is to be done outside, newest first; with ID, show one follow-up and its attempts."""
    if id is not None and (is_open or given_up or given or after or counted):
        raise click.UsageError("an ID stands alone; filters are for the list")
    if is_open and given_up:
        raise click.UsageError("--open and --dead exclude each other")
    given |= ({"standing": "open"} if is_open else {}) | ({"standing": "given_up"} if given_up else {})
    with reading() as connection:
        if id is not None:
            _print_follow_up(connection, id, as_json=shape.json)
        elif counted:
            print_facets(connection, _LISTING, given, shape)
        else:
            asked = Asked(given, sort="due_at" if is_open else None, limit=limit, after=after)
            _print_follow_ups(connection, asked, shape)


def _print_follow_ups(connection: sa.Connection, asked: Asked, shape: Shape) -> None:
    """Print a page, with what is computed for each: how often it was tried, and since when it waits."""
    page = found_page(connection, _LISTING, asked)
    found = queries.these_follow_ups(connection, [row["id"] for row in page.rows])
    if shape.for_people:
        rows = [(f.id, f.due_at, f.kind, resource_id(f.subject), f.status, f.tries, _told(f)) for f in found]
        print_table(_FOLLOW_UPS, rows)
    else:
        shape.print(_NAMES, [plain(one) for one in found])
    say_where(page, asked.limit)


def _print_follow_up(connection: sa.Connection, id_: int, *, as_json: bool) -> None:
    found = queries.follow_up(connection, id_)
    if found is None:
        raise NotFound(f"follow-up {id_} is not kept")
    attempts = queries.attempts_of(connection, id_)
    if as_json:
        print_json(plain(found) | {"attempts": attempts})
        return
    times = {name: getattr(found, name) for name in ("planned_at", "due_at", "changed_at", "waiting_since")}
    params = ", ".join(f"{name}={value}" for name, value in showable(found.params).items())
    print_facts(plain(found) | times | {"params": params or None})
    print_table(
        _ATTEMPTS,
        [(a.number, a.started_at, _took(a), a.result, a.request_id, a.detail) for a in attempts],
        title="Attempts",
    )


def _told(one: queries.FollowUpRow) -> str | None:
    """How it ended; of an open one, since when it waits, and what the last attempt came to."""
    if one.waiting_since is None:
        return one.result
    waits = "waits until" if one.waiting_since > datetime.now(UTC) else "waits since"
    return f"{waits} {seconds(one.waiting_since)}{f': {one.result}' if one.result else ''}"


def _took(attempt: queries.AttemptRow) -> str | None:
    if attempt.finished_at is None:
        return None
    return f"{(attempt.finished_at - attempt.started_at).total_seconds():.2f}s"
