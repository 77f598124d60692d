"""copydesk follow-ups."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import sqlalchemy as sa

from service.cli.opening import reading
from service.cli.output import (
    Column,
    as_json,
    plain,
    print_facts,
    print_json,
    print_table,
    resource_id,
    say_more,
    seconds,
    showable,
)
from service.errors import NotFound
from service.store import queries

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
@click.argument("id", required=False, type=int, metavar="[ID]")
@click.option("--open", "is_open", is_flag=True, help="Those not at an end, by when they are due.")
@click.option("--dead", "given_up", is_flag=True, help="Those given up or refused: a person must look.")
@click.option("--kind", metavar="KIND", help="Of one kind, such as settle_source_order.")
@click.option("--subject", metavar="TYPE/ID", help="About one resource, such as order_copies/XAyRWNUzyN.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="No more than this.")
@as_json
def command(
    id: int | None,  # noqa: A002 - the name that the help shows
    is_open: bool,
    given_up: bool,
    kind: str | None,
    subject: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List what is to be done outside, newest first; with ID, show one follow-up and its attempts."""
    if id is not None and (is_open or given_up or kind or subject):
        raise click.UsageError("an ID stands alone; filters are for the list")
    if is_open and given_up:
        raise click.UsageError("--open and --dead exclude each other")
    with reading() as connection:
        if id is not None:
            _print_follow_up(connection, id, as_json=as_json)
            return
        found = queries.follow_ups(
            connection, is_open=is_open, given_up=given_up, kind=kind, subject=subject, limit=limit
        )
    if as_json:
        print_json(found)
    else:
        print_table(
            _FOLLOW_UPS, [(f.id, f.due_at, f.kind, resource_id(f.subject), f.status, f.tries, _told(f)) for f in found]
        )
    say_more(found, limit)


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
