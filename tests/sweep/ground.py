"""What tests of the sweep look at: the sandbox's truth, our record, and the calls between them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from service.sandbox import Sandbox
from service.store import Store
from service.store.schema import events, follow_ups, incidents, states
from service.sweep.feeding import Site
from tests.rows import rows

# The discard port of this machine: connections are refused at once.
NOWHERE = "http://127.0.0.1:9/webhooks"
WEEK = timedelta(days=7)


def a_week_ago() -> datetime:
    return datetime.now(UTC) - WEEK


def truth(site: Site) -> dict[str, str | None]:
    """Every factory that the sandbox has, and its status."""
    listing = site.client.order_factories.list(sort="id", fields=("status", "type"))
    return {one.subject: one.status for one in listing.items()}


def record(store: Store) -> dict[str, str]:
    """Every factory that we know, and where it stands; deleted ones are not there any more."""
    known = {row["subject"]: row["status"] for row in rows(store, states)}
    return {s: status for s, status in known.items() if "order_copies/" in s and status != "destroyed"}


def calls(sandbox: Sandbox, path: str = "/api/order_factories") -> list[dict[str, Any]]:
    return [call for call in sandbox.calls if call["path"] == path and call["method"] == "GET"]


def told(store: Store) -> list[tuple[str, str]]:
    """Topic and origin of every event."""
    return [(row["topic"], row["origin"]) for row in rows(store, events)]


def identities(store: Store) -> list[str]:
    return [row["identity"] for row in rows(store, follow_ups)]


def open_incidents(store: Store, kind: str) -> list[dict[str, Any]]:
    return [row for row in rows(store, incidents) if row["kind"] == kind and row["status"] == "open"]
