"""What the commands over the provider's reference share: the client, ids, and a factory as facts and as JSON."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import click
import structlog

from service import settings
from service.budget import SharedBudget
from service.cli.opening import kept
from service.cli.output import Column, plain, shown_metadata
from service.clients.collection import Collection
from service.clients.commerce_layer import CommerceLayer
from service.errors import NotFound, Refused
from service.masking import masked_attributes
from service.resources import OrderFactory, Resource, is_id
from service.resources.offer import Offer
from service.settings import Settings
from service.store import Store
from service.text import line

# Their ids are only told where they are included.
_ENDS = ("source_order", "target_order", "order_subscription")
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the three lists of the reference.

    Attributes:
        offer: what it offers.
        collection: where a client has it.
    """

    offer: Offer
    collection: Callable[[CommerceLayer], Collection[OrderFactory]]

    @property
    def words(self) -> str:
        """What people call them."""
        return self.offer.type.replace("_", " ")

    @property
    def is_recurring(self) -> bool:
        """Whether each of them is a run of a subscription."""
        return self.offer.type == "recurring_order_copies"

    @property
    def ends(self) -> tuple[str, ...]:
        """Its orders and, where it has one, its subscription."""
        return tuple(name for name in _ENDS if name in self.offer.includable)


class ResourceId(click.ParamType[str]):
    """An id of the provider: letters and digits."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Take what has the form of an id."""
        if not is_id(value):
            self.fail(f"{value!r} is not an id; ids are letters and digits, such as XAyRWNUzyN", param, ctx)
        return str(value)


@dataclass(frozen=True, slots=True)
class Provider:
    """Commerce Layer, asked within the limits that all processes of the installation keep together."""

    settings: Settings
    store: Store
    client: CommerceLayer
    budget: SharedBudget


@contextmanager
def provider() -> Iterator[Provider]:
    """Commerce Layer and the store, as the settings name them; nothing is asked yet.

    Raises:
        ConfigurationError: the settings are wrong, or name no credentials.
        StoreUnusable, StoreUnavailable: as `kept`.
    """
    log_to_stderr()
    loaded = settings.load()
    with kept() as store:
        budget = SharedBudget(loaded, store)
        with CommerceLayer(loaded, budget=budget) as client:
            yield Provider(loaded, store, client, budget)


def log_to_stderr() -> None:
    """Send what is logged to where errors go: stdout is for what was asked for."""
    if not structlog.is_configured():
        structlog.configure(processors=[_as_line], logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


def _as_line(_logger: object, _level: str, event: MutableMapping[str, Any]) -> str:
    """A log line in the words of the command line."""
    told = [event.pop("event"), *(f"{name}={value}" for name, value in event.items())]
    return line(f"copydesk: {'  '.join(map(str, told))}")


def retrieve(client: CommerceLayer, kind: Kind, id_: str, include: tuple[str, ...] = ()) -> OrderFactory:
    """Read one with its orders.

    Raises:
        NotOffered: something that cannot be included; nothing was sent.
        NotFound: there is none of that id.
        Refused, Unavailable: as every call.
    """
    try:
        return kind.collection(client).retrieve(id_, include=dict.fromkeys((*kind.ends, *include))).value
    except Refused as error:
        if error.status == _NOT_FOUND:
            raise NotFound(f"{kind.offer.type}/{id_} does not exist at Commerce Layer") from error
        raise


def columns(kind: Kind) -> tuple[Column, ...]:
    """The table of a list: 80 columns hold it, ids whole, times over two lines."""
    return (
        Column("id"),
        Column("status"),
        Column("started (UTC)", fold=True, least=10),
        Column("took", right=True),
        Column("source → target", fold=True, least=12),
        *((Column("renewal of"),) if kind.is_recurring else ()),
        Column("first error", fold=True, least=9),
    )


def cells(kind: Kind, factory: OrderFactory) -> tuple[object, ...]:
    """One row of that table."""
    subscription = (factory.order_subscription_id,) if kind.is_recurring else ()
    orders = f"{factory.source_order_id or '-'} → {factory.target_order_id or '-'}"
    head = (factory.id, factory.status, factory.started_at, _took(factory), orders)
    return (*head, *subscription, factory.first_error)


def _took(factory: OrderFactory) -> str | None:
    """How long it ran, in a few characters; None where it has not ended."""
    ended = factory.completed_at or factory.failed_at
    if ended is None or factory.started_at is None:
        return None
    seconds = (ended - factory.started_at).total_seconds()
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:.1f}s"


def as_object(factory: OrderFactory, include: tuple[str, ...] = ()) -> dict[str, Any]:
    """A factory for programs: its attributes and the ids beside it, and in full what was asked to be included."""
    asked = {path.partition(".")[0] for path in include}
    told = _object(factory)
    told = {name: value for name, value in told.items() if name not in _ENDS or name in asked}
    meta = {"mode": factory.meta.mode, "organization_id": factory.meta.organization_id}
    events = {"events": factory.event_ids} if "events" in asked else {}
    return (
        told | events | meta | {"unknown_attributes": masked_attributes(factory.unknown_attributes, shown_metadata())}
    )


def as_facts(factory: OrderFactory) -> dict[str, object]:
    """A factory for people: every attribute, errors a line each, orders with their statuses."""
    names = [field.name for field in fields(factory) if not field.name.endswith("_id")]
    told: dict[str, object] = {name: getattr(factory, name) for name in names if name not in {"raw", "errors_log"}}
    for name in ("source_order", "target_order"):
        order = getattr(factory, name)
        states = f" ({order.status}, {order.payment_status}, {order.fulfillment_status})" if order else ""
        id_ = getattr(factory, f"{name}_id")
        told[name] = id_ and f"{id_}{states}"
    subscription = factory.order_subscription
    status = f" ({subscription.status})" if subscription else ""
    told["order_subscription"] = factory.order_subscription_id and f"{factory.order_subscription_id}{status}"
    told["mode"] = factory.meta.mode
    for attribute, messages in (factory.errors_log or {}).items():
        lines = messages if isinstance(messages, list) else [messages]
        told[line(f"error of {attribute}", 60)] = "; ".join(map(str, lines))
    return told


def _object(resource: Resource) -> dict[str, Any]:
    """A model for programs, what it is made of left out: that may hold more than anybody asked for."""
    told = {}
    for field in fields(resource):
        value = getattr(resource, field.name)
        if field.name != "raw":
            told[field.name] = _object(value) if isinstance(value, Resource) else _objects(value)
    return told


def _objects(value: object) -> Any:
    several = isinstance(value, tuple) and value and all(isinstance(one, Resource) for one in value)
    return [_object(one) for one in value] if several else plain(value)  # type: ignore[attr-defined]
