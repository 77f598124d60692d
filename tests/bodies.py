"""Bodies of copies, orders and subscriptions as the provider sends them, signed; every test builds its own here."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hmac import digest
from pathlib import Path
from typing import Any

from handlers import MODULES
from service import Event, documents, events
from service.arrivals import Arrival
from service.intake import Door
from service.router import Router
from service.signature import Key

Json = dict[str, Any]

ROOT = Path(__file__).parent.parent
DATA = ROOT / "tests" / "data"
ORGANIZATION = "xRRkjDFafe"
MODE = "test"
NOW = datetime(2026, 3, 2, 9, 0, 5, tzinfo=UTC)
NOON = "2026-03-02T12:00:00.000Z"
TOPICS = (
    *(f"{t}.{e}" for t in ("order_copies", "recurring_order_copies") for e in ("create", "start", "complete", "fail")),
    "order_copies.destroy",
    "orders.place",
    "orders.cancel",
    "orders.pending",
    "order_subscriptions.last_run_failed",
    "order_subscriptions.last_run_succeeded",
    "order_subscriptions.renewal",
    "customers.create",
)
SECRETS: Mapping[str, str] = {topic: f"{number:02d}f00dfeedf00dfeedf00dfeedf00d" for number, topic in enumerate(TOPICS)}
STAGES = {"create": "pending", "start": "in_progress", "complete": "completed", "fail": "failed"}


def resource(
    type_: str,
    id_: str,
    attributes: Json | None = None,
    related: Mapping[str, tuple[str, str] | None] | None = None,
    meta: Json | None = None,
) -> Json:
    """A resource object; `related` gives linkage, as `include_resources` of a webhook does."""
    base = f"/api/{type_}/{id_}"
    relationships: Json = {}
    for name, to in (related or {}).items():
        links = {"self": f"{base}/relationships/{name}", "related": f"{base}/{name}"}
        relationships[name] = {"links": links, "data": {"type": to[0], "id": to[1]} if to else None}
    return {
        "id": id_,
        "type": type_,
        "links": {"self": base},
        "attributes": attributes or {},
        "relationships": relationships,
        "meta": {"mode": MODE, "organization_id": ORGANIZATION} if meta is None else meta,
    }


def copy(
    id_: str = "XAyRWNUzyN", status: str | None = "completed", *, recurring: bool = False, **attributes: Any
) -> Json:
    """A body about an order copy; `source_order` and `target_order` give the orders' ids."""
    related = {
        name: (type_, attributes.pop(name))
        for name, type_ in (
            ("source_order", "orders"),
            ("target_order", "orders"),
            ("order_subscription", "order_subscriptions"),
        )
        if name in attributes
    }
    told = {"status": status, "errors_count": 0, "updated_at": NOON} | attributes
    return {"data": resource("recurring_order_copies" if recurring else "order_copies", id_, told, related)}


def order(id_: str = "qAlMhokOGm", status: str | None = "placed", **attributes: Any) -> Json:
    """A body about an order."""
    return {"data": resource("orders", id_, {"status": status, "updated_at": NOON} | attributes)}


def subscription(id_: str = "nZvYhWxKqB", status: str | None = "active", **attributes: Any) -> Json:
    """A body about a subscription."""
    told = {"status": status, "last_run_at": NOON, "occurrencies": 3, "updated_at": NOON}
    return {"data": resource("order_subscriptions", id_, told | attributes)}


def wire(document: Any) -> bytes:
    """A document as compact UTF-8, the way the provider writes it."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def sample(name: str) -> bytes:
    """One of the recorded-like bodies in tests/data, by its topic."""
    return (DATA / f"{name}.json").read_bytes().rstrip(b"\n")


def sign(topic: str, body: bytes) -> str:
    """The signature of the topic's secret, computed beside and not by the product."""
    return b64encode(digest(SECRETS[topic].encode(), body, "sha256")).decode()


def event(topic: str, document: Any) -> Event:
    """The event that a body tells under a topic."""
    raw = document if isinstance(document, bytes) else wire(document)
    return events.read(topic, documents.parse(raw), organization=ORGANIZATION, mode=MODE)


def door(modules: Sequence[Any] = MODULES) -> Door:
    """The door of an installation that serves every topic of these tests."""
    keys = {topic: (Key.from_text(secret),) for topic, secret in SECRETS.items()}
    return Door(ORGANIZATION, MODE, keys, Router(list(modules)))


_DOOR = door()


def arrival(topic: str, document: Any, now: datetime = NOW, *, at: Door = _DOOR) -> Arrival:
    """An authentic delivery of a body, with what the handlers say of it."""
    raw = document if isinstance(document, bytes) else wire(document)
    return at.admit(topic, raw, "{}", at.keys[topic][0], now)


def shared(name: str) -> Path | None:
    """A file of the data folder that may stand beside the project; None where it does not."""
    for parent in ROOT.parents:
        path = parent / "shared" / "commerce-layer" / name
        if path.exists():
            return path
    return None
