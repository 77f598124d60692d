"""copydesk events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import click
import sqlalchemy as sa

from service import documents, settings
from service.access import record_unmasking
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
from service.cli.opening import kept, reading
from service.cli.output import ROW, Column, plain, print_facts, print_json, print_table, resource_id, shown_metadata
from service.cli.site import actor, by_option
from service.errors import BodyUnreadable, NotFound
from service.masking import masked
from service.store import queries
from service.store.listings import LISTINGS, Asked
from service.vault import Vault

_LISTING = LISTINGS["events"]
_EVENTS = (
    Column("id", right=True),
    Column("last seen (UTC)"),
    Column("topic", fold=True),
    Column("of"),
    Column("status"),
    Column("result"),
    Column("got", right=True),
)
_DELIVERIES = (
    Column("delivery", right=True),
    Column("received (UTC)"),
    Column("verdict"),
    Column("key"),
    Column("bytes", right=True),
    Column("reason", fold=True),
)
_TRANSITIONS = (Column("of"), Column("from"), Column("to"), Column("at (UTC)"), Column("applied"))
_FOLLOW_UPS = (
    Column("id", right=True),
    Column("kind"),
    Column("cause", fold=True),
    Column("status"),
    Column("result", fold=True),
)


@dataclass(frozen=True)
class Paging:
    """Which part of a list.

    Attributes:
        limit: rows of a page.
        after: the cursor of the page before.
    """

    limit: int
    after: str | None


@click.command("events")
@click.argument("id", required=False, type=ROW, metavar="[ID]")
@filters("topic", "subject", "status", "result", "origin", "mode", "fingerprint", "path", "since", "until")
@click.option("--failed", is_flag=True, help="Those at which a handler raised.")
@click.option("--quarantine", is_flag=True, help="Deliveries that stand apart and became no event.")
@limit_option()
@after_option
@facets_option
@click.option("--body", is_flag=True, help="With ID: the newest delivery's body, masked, as JSON.")
@click.option("--unmask", is_flag=True, help="With --body: its exact bytes; asks for --reason, and is recorded.")
@click.option("--reason", metavar="TEXT", help="Why, for the audit trail; with --unmask.")
@by_option
@shaped
def command(  # noqa: PLR0913 - one for each option
    *,
    id: int | None,  # noqa: A002 - the name that the help shows
    given: dict[str, str],
    failed: bool,
    quarantine: bool,
    limit: int,
    after: str | None,
    counted: bool,
    body: bool,
    unmask: bool,
    reason: str | None,
    by: str | None,
    shape: Shape,
) -> None:
    """List what happened, newest first; with ID, show one event and all that came of it."""
    if id is not None and (given or failed or quarantine or after or counted):
        raise click.UsageError("an ID stands alone; filters are for the list")
    if body and (id is None or not shape.for_people):
        raise click.UsageError("--body goes with an ID, and without --json")
    if unmask and not body:
        raise click.UsageError("--unmask goes with --body")
    if unmask:
        _print_unmasked(id or 0, actor(by), _given(reason))
        return
    if failed:
        given = {**given, "result": "failed"}
    with reading() as connection:
        if id is not None and body:
            _print_body(connection, id)
        elif id is not None:
            _print_event(connection, id, as_json=shape.json)
        elif quarantine:
            _print_apart(connection, given, Paging(limit, after), shape)
        elif counted:
            print_facets(connection, _LISTING, given, shape)
        else:
            _print_events(connection, Asked(given, limit=limit, after=after), shape)


def _print_events(connection: sa.Connection, asked: Asked, shape: Shape) -> None:
    found = found_page(connection, _LISTING, asked)
    if shape.for_people:
        names = ("id", "last_seen_at", "topic", "subject", "told_status", "result", "deliveries")
        rows = [[resource_id(row[name]) if name == "subject" else row[name] for name in names] for row in found.rows]
        print_table(_EVENTS, rows)
    else:
        shape.print(_LISTING.columns, found.rows)
    say_where(found, asked.limit)


def _print_apart(connection: sa.Connection, given: Mapping[str, str], paging: Paging, shape: Shape) -> None:
    if {"subject", "result"} & given.keys():
        raise click.UsageError("what is in quarantine has neither subject nor result")
    listing = LISTINGS["deliveries"]
    asked = Asked({**given, "standing": "apart"}, limit=paging.limit, after=paging.after)
    page = found_page(connection, listing, asked)
    if not shape.for_people:
        shape.print(listing.columns, page.rows)
    else:
        columns = (
            Column("delivery", right=True),
            Column("received (UTC)"),
            Column("topic", fold=True),
            *_DELIVERIES[2:3],
        )
        names = ("id", "received_at", "topic", "verdict", "reason")
        rows = [[row[name] for name in names] for row in page.rows]
        print_table((*columns, Column("reason", fold=True)), rows)
    say_where(page, paging.limit)


def _print_event(connection: sa.Connection, id_: int, *, as_json: bool) -> None:
    event = queries.event(connection, id_)
    if event is None:
        raise NotFound(f"event {id_} is not kept")
    deliveries = queries.deliveries_of(connection, id_)
    transitions = queries.transitions_of(connection, id_)
    follow_ups = queries.follow_ups(connection, event_id=id_, limit=1000)
    if as_json:
        parts = {"delivered": deliveries, "transitions": transitions, "follow_ups": follow_ups}
        print_json(plain(event) | parts)
        return
    facts = plain(event) | {"first_seen_at": event.first_seen_at, "last_seen_at": event.last_seen_at}
    print_facts(facts | {"resource_updated_at": event.resource_updated_at})
    rows = [(d.id, d.received_at, d.verdict, d.key_fingerprint, d.size, d.reason) for d in deliveries]
    print_table(_DELIVERIES, rows, title="Deliveries")
    moves = [(resource_id(t.subject), t.from_status, t.to_status, t.at, t.applied) for t in transitions]
    print_table(_TRANSITIONS, moves, title="Transitions")
    planned = [(f.id, f.kind, f.cause, f.status, f.result) for f in follow_ups]
    print_table(_FOLLOW_UPS, planned, title="Follow-ups")


def _given(reason: str | None) -> str:
    if not (reason and reason.strip()):
        raise click.UsageError("--unmask needs a --reason, for the audit trail")
    return reason.strip()


def _print_body(connection: sa.Connection, id_: int) -> None:
    """Print what came, masked; what is not JSON holds nothing that could be told apart."""
    try:
        document = documents.parse(_body(connection, id_))
    except BodyUnreadable as error:
        raise NotFound(f"the body of event {id_} cannot be masked, {error}; --unmask shows its bytes") from error
    click.echo(json.dumps(masked(document, shown_metadata()), indent=2))


def _print_unmasked(id_: int, actor: str, reason: str) -> None:
    """Print what came, byte by byte, once it is on the trail that somebody looked."""
    with kept() as store:
        with store.read() as connection:
            event, body = queries.event(connection, id_), _body(connection, id_)
        record_unmasking(store, actor, event.subject if event else f"events/{id_}", id_, reason)
    click.echo(body, nl=False)


def _body(connection: sa.Connection, id_: int) -> bytes:
    """The newest body of an event that is kept.

    Raises:
        NotFound: there is none.
    """
    if queries.newest_delivery(connection, id_) is None:
        raise NotFound(f"event {id_} is not kept")
    payload = queries.newest_payload(connection, id_, Vault(settings.load().encryption_keys))
    if payload is None:
        raise NotFound(f"the bytes of event {id_} are not kept any more")
    return payload.body
