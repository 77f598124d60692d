"""copydesk events."""

from __future__ import annotations

import json
from datetime import datetime

import click
import sqlalchemy as sa

from service import documents, settings
from service.access import record_unmasking
from service.cli.opening import Since, kept, reading
from service.cli.output import (
    Column,
    as_json,
    plain,
    print_facts,
    print_json,
    print_table,
    resource_id,
    say_more,
    shown_metadata,
)
from service.cli.site import actor, by_option
from service.errors import BodyUnreadable, NotFound
from service.masking import masked
from service.store import queries
from service.vault import Vault

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


@click.command("events")
@click.argument("id", required=False, type=int, metavar="[ID]")
@click.option("--topic", metavar="TOPIC", help="Of one topic, such as order_copies.fail.")
@click.option("--subject", metavar="TYPE/ID", help="About one resource, such as order_copies/XAyRWNUzyN.")
@click.option("--failed", is_flag=True, help="Those at which a handler raised.")
@click.option("--quarantine", is_flag=True, help="Deliveries that stand apart and became no event.")
@click.option("--since", type=Since(), help="Seen since: an age, or a time (UTC).")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="No more than this.")
@click.option("--body", is_flag=True, help="With ID: the newest delivery's body, masked, as JSON.")
@click.option("--unmask", is_flag=True, help="With --body: its exact bytes; asks for --reason, and is recorded.")
@click.option("--reason", metavar="TEXT", help="Why, for the audit trail; with --unmask.")
@by_option
@as_json
def command(  # noqa: PLR0913, PLR0917 - one for each option
    id: int | None,  # noqa: A002 - the name that the help shows
    topic: str | None,
    subject: str | None,
    failed: bool,
    quarantine: bool,
    since: datetime | None,
    limit: int,
    body: bool,
    unmask: bool,
    reason: str | None,
    by: str | None,
    as_json: bool,
) -> None:
    """List what happened, newest first; with ID, show one event and all that came of it."""
    if id is not None and (topic or subject or failed or quarantine or since):
        raise click.UsageError("an ID stands alone; filters are for the list")
    if body and (id is None or as_json):
        raise click.UsageError("--body goes with an ID, and without --json")
    if unmask and not body:
        raise click.UsageError("--unmask goes with --body")
    if unmask:
        _print_unmasked(id or 0, actor(by), _given(reason))
        return
    with reading() as connection:
        if id is not None and body:
            _print_body(connection, id)
        elif id is not None:
            _print_event(connection, id, as_json=as_json)
        elif quarantine:
            if subject or failed:
                raise click.UsageError("what is in quarantine has neither subject nor result")
            _print_apart(queries.apart(connection, topic=topic, since=since, limit=limit), limit, as_json=as_json)
        else:
            found = queries.events(connection, topic=topic, subject=subject, failed=failed, since=since, limit=limit)
            _print_events(found, limit, as_json=as_json)


def _print_events(found: list[queries.EventRow], limit: int, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        rows = [
            (e.id, e.last_seen_at, e.topic, resource_id(e.subject), e.told_status, e.result, e.deliveries)
            for e in found
        ]
        print_table(_EVENTS, rows)
    say_more(found, limit)


def _print_apart(found: list[queries.DeliveryRow], limit: int, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        columns = (
            Column("delivery", right=True),
            Column("received (UTC)"),
            Column("topic", fold=True),
            *_DELIVERIES[2:3],
        )
        rows = [(d.id, d.received_at, d.topic, d.verdict, d.reason) for d in found]
        print_table((*columns, Column("reason", fold=True)), rows)
    say_more(found, limit)


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
