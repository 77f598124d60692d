"""A desk to make attempts at by hand: a store, a sandbox, and the clients between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from service.clients.commerce_layer import CommerceLayer
from service.clients.slack import Slack
from service.follow_ups.attempt import attempt
from service.follow_ups.moves import Tools
from service.outcomes import FollowUp
from service.sandbox import Sandbox
from service.settings import Settings
from service.store import Store
from service.store.record import plan
from service.store.schema import attempts, audit_entries, follow_ups
from tests.bodies import ORGANIZATION, arrival
from tests.rows import rows


def settings_for(sandbox: Sandbox, **changes: Any) -> Settings:
    """Settings that lead to the sandbox; the platform gets no time to cancel by itself."""
    given = {
        "organization": ORGANIZATION,
        "client_id": sandbox.options.client_id,
        "client_secret": sandbox.options.client_secret,
        "api_url": sandbox.url,
        "auth_url": sandbox.url,
        "slack_webhook_url": f"{sandbox.url}/sandbox/slack",
        "cancel_grace_seconds": 0,
    }
    return Settings(**given | changes)


@contextmanager
def clients_for(settings: Settings) -> Iterator[tuple[CommerceLayer, Slack]]:
    """Clients as a worker has them."""
    with CommerceLayer(settings) as commerce_layer, Slack(settings.slack_webhook_url) as slack:
        yield commerce_layer, slack


@dataclass
class Desk:
    """Plans follow-ups, makes attempts, and reads what came of them."""

    tools: Tools
    sandbox: Sandbox
    worker: str = "worker-1"
    rows_of: Mapping[str, Any] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        """The database."""
        return self.tools.store

    def under(self, **changes: Any) -> Desk:
        """The same desk under changed settings."""
        settings = self.tools.settings.model_copy(update=changes)
        return replace(self, tools=replace(self.tools, settings=settings))

    def plan(self, follow_up: FollowUp, *, age: timedelta = timedelta(0), event_id: int | None = None) -> int:
        """Plan a follow-up, as if it had been `age` ago; its id."""
        with self.store.write() as connection:
            plan(connection, follow_up, datetime.now(UTC) - age, "intake", event_id=event_id)
        return self.id_of(follow_up.identity)

    def receive(self, topic: str, document: Any) -> int:
        """Let a delivery in through the intake's write path; its event's id."""
        from service.store.keep import keep  # noqa: PLC0415 - beside its only use

        with self.store.write() as connection:
            receipt = keep(connection, [arrival(topic, document, datetime.now(UTC))])[0]
        assert receipt.event_id is not None
        return receipt.event_id

    def attempt(self, id_: int, number: int | None = None, worker: str = "") -> dict[str, Any]:
        """Make an attempt, the next one unless told otherwise; the row after it."""
        attempt(self.tools, id_, number or self.row(id_)["attempt"], worker or self.worker)
        return self.row(id_)

    def id_of(self, identity: str) -> int:
        """The follow-up of an identity."""
        return next(row["id"] for row in rows(self.store, follow_ups) if row["identity"] == identity)

    def row(self, id_: int) -> dict[str, Any]:
        """A follow-up's row."""
        return next(row for row in rows(self.store, follow_ups) if row["id"] == id_)

    def tries(self, id_: int) -> list[tuple[int, int, str | None]]:
        """Number, start and result of every attempt."""
        return [(r["number"], r["start"], r["result"]) for r in self.attempt_rows(id_)]

    def attempt_rows(self, id_: int) -> list[dict[str, Any]]:
        """The rows of every attempt."""
        return [row for row in rows(self.store, attempts) if row["follow_up_id"] == id_]

    def trail(self, id_: int) -> list[str]:
        """The actions that the audit trail tells of a follow-up, oldest first."""
        return [row["action"] for row in rows(self.store, audit_entries) if row["follow_up_id"] == id_]

    def alerts(self) -> list[str]:
        """The causes of the alerts that are planned or were made."""
        return [row["cause"] for row in rows(self.store, follow_ups) if row["kind"] == "alert"]

    def pause(self, id_: int) -> float:
        """Seconds from the last change to when it is due again."""
        row = self.row(id_)
        return (row["due_at"] - row["changed_at"]).total_seconds()

    def cancels(self) -> int:
        """How many orders the API's callers cancelled effectively."""
        return sum(effect["effect"] == "cancel" and effect["by"] == "api" for effect in self.sandbox.effects)

    def writes(self) -> int:
        """How many PATCHes reached the API."""
        return sum(call["method"] == "PATCH" for call in self.sandbox.calls)

    def make_older(self, id_: int, by: timedelta) -> None:
        """Let time pass for a follow-up."""
        with self.store.write() as connection:
            times = {name: self.row(id_)[name] - by for name in ("planned_at", "give_up_at")}
            connection.execute(sa.update(follow_ups).where(follow_ups.c.id == id_).values(**times))
