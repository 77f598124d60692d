"""A record with something of everything in it, written by the product itself, and how it is verified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr

from service import Transition, alert
from service.arrivals import Arrival
from service.audit import publication, ranges, sequencer
from service.audit.published import heads_in
from service.audit.verification.findings import Report
from service.audit.verification.places import Place
from service.audit.verification.verifying import Wish, verify
from service.intake.deferred import read_deferred
from service.intake.replay import Operator, replay_delivery, replay_event
from service.merkle.leaves import actor_class
from service.merkle.notes import Signer, Verifier
from service.outcomes import FollowUp
from service.payloads import Kept, seal
from service.router import Verdict
from service.store import Store, follow_up_rows
from service.store.audit import entry, write_audit
from service.store.follow_up_rows import Due, Ending
from service.store.keep import keep
from service.store.record import Told, plan, record
from service.store.schema import audit_entries, deliveries, events, follow_ups, states, transitions
from service.vault import Vault
from tests.bodies import MODE, STAGES, copy, door, order, wire
from tests.rows import rows

NAME = "example.com/copydesk"
KEY, NEXT, FOREIGN = (Signer(NAME, bytes([number]) * 32) for number in (1, 2, 9))
BEGAN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
VAULT_KEY = "0" * 42 + "A="
VAULT = Vault([SecretStr(VAULT_KEY)])
OPERATOR = Operator("jane", "because")
DOOR = door()


class Clock:
    """Each look is a second later."""

    def __init__(self) -> None:
        self.now = BEGAN

    def __call__(self, seconds: float = 1) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


def build(store: Store, published: Path) -> None:
    """Write it: events in all their ways, follow-ups with all their ends, two keys, heads, an erasure."""
    now = Clock()
    _receive(store, now)
    _stand_apart(store, now)
    sequencer.sequence(store, KEY, now())
    publish(store, published, now())
    _follow_up(store, now)
    sequencer.sequence(store, KEY, now())
    sequencer.sequence(store, NEXT, now(), [KEY])
    publish(store, published, now())
    _seal_later(store, now)
    erase(store, "order_copies/Erasable01", now())
    retire_bytes(store, now())
    sequencer.sequence(store, NEXT, now())
    publish(store, published, now())
    sequencer.sequence(store, NEXT, now())


def publish(store: Store, published: Path, now: datetime) -> None:
    """Publish the newest head, as the follow-up of a worker would."""
    made = publication.publish(store, ["file"], now, "worker")
    assert made is not None
    with published.open("a") as file:
        file.write(f"{made.note}\n")


def _receive(store: Store, now: Clock) -> None:
    """Copies with their stages, redelivered, late, ignored; one sealed; one erased later."""
    related = {"source_order": "SourceOrdr", "target_order": "TargetOrdr"}
    for id_ in ("CopyGooood", "Erasable01", "CopyFailed"):
        for second, stage in enumerate(("create", "start", "fail" if id_ == "CopyFailed" else "complete")):
            told = copy(id_, STAGES[stage], updated_at=_at(second), **related)
            let_in(store, now(), (f"order_copies.{stage}", told))
    let_in(store, now(), ("order_copies.complete", copy("CopyGooood", "completed", updated_at=_at(2), **related)))
    late = ("order_copies.create", copy("CopyLateee", "pending", updated_at=_at(1)))
    let_in(store, now(), ("order_copies.start", copy("CopyLateee", "in_progress", updated_at=_at(2))), late)
    let_in(store, now(), ("orders.place", order("SealedOrdr", "placed", updated_at=_at(3))), vault=VAULT)
    let_in(store, now(), ("orders.cancel", order("SourceOrdr", "cancelled", updated_at=_at(3))), origin="sweep")
    let_in(store, now(), ("orders.place", order("WithoutTime", "placed", updated_at=None)))
    with store.read() as connection:
        event_id = connection.execute(
            sa.select(events.c.id).where(events.c.subject == "order_copies/CopyLateee")
        ).first()
    assert event_id is not None
    replay_event(store, DOOR, event_id[0], OPERATOR)
    with store.write() as connection:
        move = Transition("order_copies/CopyLateee", "completed", BEGAN + timedelta(days=1), "SourceTwoo", "TargetTwoo")
        told = Told(event_id[0], move.subject, Verdict(transitions=(move,)))
        write_audit(connection, record(connection, [told], now(), actor="hydrate"))


def _stand_apart(store: Store, now: Clock) -> None:
    """Deliveries in quarantine, set aside, and adopted since; one of them sealed."""
    foreign = copy("CopyForeig")
    foreign["data"]["meta"] = {"mode": MODE, "organization_id": "somebodyElse"}
    let_in(store, now(), ("order_copies.complete", foreign), ("order_copies.complete", b"no JSON"))
    large = [("orders.place", wire(order(f"Large{n:05}", "placed", text="x" * 300_000))) for n in range(3)]
    let_in(store, now(), large[0])
    let_in(store, now(), large[1], vault=VAULT)
    assert read_deferred(store, door_with(VAULT)) == 2
    let_in(store, now(), large[2])
    with store.write() as connection:
        # As one that was read more strictly once.
        id_ = connection.execute(sa.select(sa.func.max(deliveries.c.id))).scalar_one()
    replay_delivery(store, DOOR, id_, OPERATOR)
    let_in(store, now(), ("orders.place", wire(order("Large00009", "placed", text="x" * 300_000))))


def _follow_up(store: Store, now: Clock) -> None:
    """Follow-ups that are done, unknown, dead, refused, waited for, tried again, lost and waiting."""
    ids = [
        _plan(store, alert(f"order_copies/Alert{n:05}", "failed", reason="r" * 600 * (n == 0)), now()) for n in range(8)
    ]
    done, unknown, refused, waited, lost, tried, queued, running = ids
    _attempt(store, done, now, Ending("done", "done", "told\nthem", request_id="req-1"), act=True)
    with store.write() as connection:
        begun = follow_up_rows.start(connection, unknown, 1, "worker-1", now())
        assert begun is not None
        follow_up_rows.begin_acting(connection, begun, "tell", now())
    with store.write() as connection:
        assert follow_up_rows.start(connection, unknown, 1, "worker-2", now()) is not None
    _attempt(store, unknown, now, Ending("planned", "unavailable", "busy", due_at=now() + timedelta(hours=1)))
    _attempt(store, refused, now, Ending("refused", "refused", "no", request_id="req-2"), act=True)
    _attempt(store, waited, now, Ending("planned", "waited", "too early", due_at=now() + timedelta(hours=1)))
    with store.write() as connection:
        follow_up_rows.mark_queued(connection, [Due(lost, "alert", 1), Due(queued, "alert", 1)], now())
        follow_up_rows.plan_again(connection, Due(lost, "alert", 1), now(), "the engine had lost it")
    _attempt(store, tried, now, Ending("dead", "failed", "KeyError: x"))
    with store.write() as connection:
        assert follow_up_rows.try_again(connection, tried, now(), OPERATOR.actor, "mended")
        follow_up_rows.start(connection, running, 1, "worker-1", now())


def _plan(store: Store, follow_up: FollowUp, now: datetime) -> int:
    with store.write() as connection:
        plan(connection, follow_up, now, "worker")
        query = sa.select(follow_ups.c.id).where(follow_ups.c.identity == follow_up.identity)
        return int(connection.execute(query).scalar_one())


def _attempt(store: Store, id_: int, now: Clock, ending: Ending, *, act: bool = False) -> None:
    with store.write() as connection:
        number = connection.execute(sa.select(follow_ups.c.attempt).where(follow_ups.c.id == id_)).scalar_one()
        begun = follow_up_rows.start(connection, id_, number, "worker-1", now())
        assert begun is not None
        if act:
            assert follow_up_rows.begin_acting(connection, begun, "tell", now())
        assert follow_up_rows.finish(connection, begun, ending, now())


def _seal_later(store: Store, now: Clock) -> None:
    """Seal what was kept in the clear, for one delivery."""
    row = next(row for row in rows(store, deliveries) if row["topic"] == "orders.cancel")
    kept = seal(VAULT, Kept(*(row[name] for name in ("body", "headers", "salt", "data_key", "size", "commitment"))))
    with store.write() as connection:
        values = {"body": kept.body, "headers": None, "salt": None, "data_key": kept.data_key}
        connection.execute(sa.update(deliveries).where(deliveries.c.id == row["id"]).values(values))
        told = entry(now(), "keys/encryption", "operator jane", "payload.sealed", {"delivery": row["id"]})
        write_audit(connection, [told | {"sealed": kept.sealed}])


def erase(store: Store, subject: str, now: datetime) -> None:
    """Erase a subject, as the convention of the trail has it."""
    there = [row for row in rows(store, audit_entries) if row["subject"] == subject]
    ids = {row["event_id"] for row in there} - {None}
    gone = [row["id"] for row in rows(store, deliveries) if row["event_id"] in ids]
    with store.write() as connection:
        for row in there:
            hidden = {"subject": "erased/1", "actor": actor_class(row["actor"]), "detail": "{}", "salt": None}
            connection.execute(sa.update(audit_entries).where(audit_entries.c.id == row["id"]).values(hidden))
        connection.execute(sa.delete(states).where(states.c.subject == subject))
        for table in (events, transitions, follow_ups):
            connection.execute(sa.update(table).where(table.c.subject == subject).values(subject="erased/1"))
        _take_bytes(connection, gone)
        told = {"deliveries": ranges.spell(gone), "entries": ranges.spell(r["id"] for r in there), "basis": "request"}
        write_audit(connection, [entry(now, "erased/1", "operator jane", "payload.erased", told)])


def retire_bytes(store: Store, now: datetime) -> None:
    """Take the bytes of one old delivery away, and leave what the trail tells of it."""
    gone = [next(row["id"] for row in rows(store, deliveries) if row["topic"] == "order_copies.fail")]
    with store.write() as connection:
        _take_bytes(connection, gone)
        told = {"deliveries": ranges.spell(gone), "basis": "retention"}
        write_audit(connection, [entry(now, "retention", "worker", "payload.erased", told)])


def _take_bytes(connection: sa.Connection, ids: Sequence[int]) -> None:
    nothing: dict[str, Any] = dict.fromkeys(("body", "headers", "salt", "data_key"))
    connection.execute(sa.update(deliveries).where(deliveries.c.id.in_(ids)).values(nothing))


def door_with(vault: Vault) -> Any:
    """The door of an installation with encryption keys."""
    return replace(DOOR, vault=vault)


def let_in(
    store: Store, now: datetime, *told: tuple[str, Any], vault: Vault | None = None, origin: str = "webhook"
) -> None:
    """Let deliveries in, in one transaction."""
    at = door_with(vault) if vault else DOOR
    bodies = [(topic, body if isinstance(body, bytes) else wire(body)) for topic, body in told]
    arrivals: list[Arrival] = [at.admit(topic, raw, '{"x": "y"}', at.keys[topic][0], now) for topic, raw in bodies]
    if origin != "webhook":
        arrivals = [replace(one, origin="sweep") for one in arrivals]
    with store.write() as connection:
        keep(connection, arrivals)


def place_of(store: Store) -> Place:
    """Where a verifier finds a store."""
    url = store.engine.url
    if store.dialect == "sqlite":
        return Place(Path(url.database or ""))
    return Place(None, url.set(drivername="postgresql").render_as_string(hide_password=False))


def verified(store: Store, *, published: Path | None = None, pinned: Sequence[Verifier] = (), **more: Any) -> Report:
    """What a verification finds."""
    outside = heads_in(published.read_text()) if published else []
    return verify(Wish(place_of(store), pinned=pinned, outside=outside, processes=1, **more))


def _at(second: int) -> str:
    return f"2026-03-02T08:00:{second:02d}.000Z"
