"""The lists of the record, each with its columns and its words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from service.errors import BadFilter
from service.resources import FACTORY_TYPES
from service.store import schema
from service.store.listings.listing import Listing
from service.store.listings.words import (
    Exact,
    FullText,
    Group,
    InPayload,
    Moment,
    Number,
    Standing,
    Subject,
    TypeOf,
    Word,
)

_MODES = ("test", "live")
_ORIGINS = ("webhook", "sweep")


def _own(table: sa.Table, subjects: Any) -> sa.ColumnElement[bool]:
    return table.c.subject.in_(subjects)


def _through_events(table: sa.Table, subjects: Any) -> sa.ColumnElement[bool]:
    return table.c.event_id.in_(sa.select(schema.events.c.id).where(schema.events.c.subject.in_(subjects)))


def _through_follow_ups(table: sa.Table, subjects: Any) -> sa.ColumnElement[bool]:
    follow_ups = schema.follow_ups
    return table.c.follow_up_id.in_(sa.select(follow_ups.c.id).where(follow_ups.c.subject.in_(subjects)))


def _affected(table: sa.Table, subjects: Any) -> sa.ColumnElement[bool]:
    affected = schema.incident_subjects
    hit = sa.select(affected.c.incident_id).where(affected.c.subject.in_(subjects))
    return sa.or_(table.c.subject.in_(subjects), table.c.id.in_(hit))


def _times(column: str) -> dict[str, Word]:
    return {"since": Moment(column, "since"), "until": Moment(column, "until")}


EVENTS = Listing(
    "events",
    schema.events,
    (
        "id", "topic", "subject", "mode", "organization", "told_status", "resource_updated_at", "result", "superseded",
        "error", "fingerprint", "origin", "deliveries", "first_seen_at", "last_seen_at",
    ),
    "last_seen_at",
    {
        "subject": Subject(_own),
        "topic": Exact("topic"),
        "status": Exact("told_status"),
        "result": Exact(
            "result",
            ("handled", "failed", "ignored"),
            {"failed": "result = 'failed'", "ignored": "result = 'ignored'"},
        ),
        "fingerprint": Exact("fingerprint"),
        "origin": Exact("origin", _ORIGINS, {"sweep": "origin = 'sweep'"}),
        "mode": Exact("mode", _MODES),
        "path": InPayload(),
        **_times("last_seen_at"),
    },
    ("topic", "status", "result", "origin", "mode", "fingerprint"),
    flags=frozenset({"superseded"}),
)  # fmt: skip

DELIVERIES = Listing(
    "deliveries",
    schema.deliveries,
    ("id", "event_id", "topic", "origin", "received_at", "verdict", "reason", "size", "key_fingerprint"),
    "received_at",
    {
        "subject": Subject(_through_events),
        "event": Number("event_id"),
        "standing": Standing({"apart": "verdict IN ('quarantine', 'deferred')"}),
        "topic": Exact("topic"),
        "verdict": Exact(
            "verdict",
            ("event", "redelivery", "quarantine", "deferred"),
            {
                "redelivery": "verdict = 'redelivery'",
                "quarantine": "verdict IN ('quarantine', 'deferred')",
                "deferred": "verdict IN ('quarantine', 'deferred')",
            },
        ),
        "origin": Exact("origin", _ORIGINS, {"sweep": "origin = 'sweep'"}),
        "path": InPayload(),
        **_times("received_at"),
    },
    ("topic", "verdict", "origin"),
)

TRANSITIONS = Listing(
    "transitions",
    schema.transitions,
    ("id", "event_id", "subject", "from_status", "to_status", "at", "applied", "recorded_at"),
    "recorded_at",
    {
        "subject": Subject(_own),
        "event": Number("event_id"),
        "status": Exact("to_status"),
        **_times("recorded_at"),
    },
    ("status",),
    flags=frozenset({"applied"}),
)

STATES = Listing(
    "states",
    schema.states,
    (
        "subject", "status", "at", "event_id", "source_order_id", "target_order_id", "order_subscription_id", "seen_at",
    ),
    "seen_at",
    {
        "subject": Subject(_own),
        "kind": TypeOf("subject"),
        "status": Exact("status"),
        **_times("seen_at"),
    },
    ("status",),
    key="subject",
    order="-seen_at",
)  # fmt: skip

FACTORIES = Listing(
    "factories",
    schema.factories,
    tuple(column.name for column in schema.factories.c if column.name != "place"),
    "updated_at",
    {
        "subject": Subject(_own),
        "kind": Exact("type", FACTORY_TYPES),
        "status": Exact("status"),
        "mode": Exact("mode", _MODES),
        "event": Number("event_id"),
        **_times("updated_at"),
    },
    ("kind", "status", "mode"),
    key="subject",
    order="subject",
    flags=frozenset(column.name for column in schema.factories.c if isinstance(column.type, sa.Boolean)),
)

FOLLOW_UPS = Listing(
    "follow_ups",
    schema.follow_ups,
    (
        "id", "identity", "kind", "subject", "cause", "params", "event_id", "status", "attempt", "starts", "planned_at",
        "due_at", "give_up_at", "changed_at", "result",
    ),
    "planned_at",
    {
        "subject": Subject(_own),
        "event": Number("event_id"),
        "kind": Exact("kind"),
        "standing": Standing({
            "open": "status IN ('planned', 'queued', 'running', 'attempting')",
            "given_up": "status IN ('dead', 'refused')",
        }),
        "status": Exact(
            "status", ("planned", "queued", "running", "attempting", "done", "left", "refused", "dead")
        ),
        **_times("planned_at"),
    },
    ("kind", "status"),
    sorts=("due_at",),
    objects=frozenset({"params"}),
)  # fmt: skip

ATTEMPTS = Listing(
    "attempts",
    schema.attempts,
    (
        "id", "follow_up_id", "number", "start", "worker", "started_at", "acting_at", "finished_at", "result", "detail",
        "request_id",
    ),
    "started_at",
    {
        "subject": Subject(_through_follow_ups),
        "follow_up": Number("follow_up_id"),
        "result": Exact(
            "result", ("done", "left", "waited", "refused", "unavailable", "unknown", "died", "failed")
        ),
        **_times("started_at"),
    },
    ("result",),
)  # fmt: skip

AUDIT_ENTRIES = Listing(
    "audit_entries",
    schema.audit_entries,
    ("id", "at", "subject", "actor", "action", "event_id", "follow_up_id", "detail", "epoch", "leaf_index"),
    "at",
    {
        "subject": Subject(_own),
        "event": Number("event_id"),
        "follow_up": Number("follow_up_id"),
        "actor": Group("actor", " "),
        "action": Group("action", "."),
        "text": FullText(),
        **_times("at"),
    },
    ("action", "actor"),
    objects=frozenset({"detail"}),
)

INCIDENTS = Listing(
    "incidents",
    schema.incidents,
    (
        "id", "fingerprint", "kind", "subject", "cause", "detail", "status", "count", "first_seen_at", "last_seen_at",
        "resolved_at", "follow_up_id",
    ),
    "first_seen_at",
    {
        "subject": Subject(_affected),
        "kind": Exact("kind"),
        "standing": Standing({"open": "status = 'open'"}),
        "status": Exact("status", ("open", "resolved")),
        "fingerprint": Exact("fingerprint"),
        **_times("first_seen_at"),
    },
    ("kind", "status"),
)  # fmt: skip

LISTINGS: Mapping[str, Listing] = MappingProxyType({
    listing.name: listing
    for listing in (
        EVENTS, DELIVERIES, TRANSITIONS, STATES, FACTORIES, FOLLOW_UPS, ATTEMPTS, AUDIT_ENTRIES, INCIDENTS,
    )
})  # fmt: skip


def listing_named(name: str) -> Listing:
    """One of the lists.

    Raises:
        BadFilter: there is none of that name.
    """
    if name not in LISTINGS:
        raise BadFilter("list", "there is no such list", list(LISTINGS))
    return LISTINGS[name]
