"""What a year of copies leaves behind, in chapters that all have the same number of rows. Pure.

A chapter is 250 stories. Which kind of story stands where is fixed, so that every process knows the numbers of the
rows of its chapter without asking another; names, times and words are by chance, the same in every run.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any, NamedTuple

from service.incidents import failure_cause, fingerprint, generalised
from service.merkle import leaves
from service.states import place as place_of
from service.store.schema import spell
from service.store.texts import text_of

ORGANIZATION = "xRRkjDFafe"
STORIES = 250
# Events of a story: as many as its kind tells.
_KINDS: dict[str, tuple[str, ...]] = {
    "copied": ("order_copies.create", "order_copies.start", "order_copies.complete", "orders.place"),
    "failed": ("order_copies.create", "order_copies.start", "order_copies.fail", "orders.pending"),
    "renewed": ("recurring_order_copies.create", "recurring_order_copies.complete", "orders.place",
                "order_subscriptions.last_run_succeeded"),
    "lapsed": ("recurring_order_copies.create", "recurring_order_copies.fail", "order_subscriptions.renewal",
               "order_subscriptions.last_run_failed"),
}  # fmt: skip
_STATUS = {
    "create": "pending", "start": "in_progress", "complete": "completed", "fail": "failed", "place": "placed",
    "pending": "pending", "last_run_succeeded": "active", "last_run_failed": "active", "renewal": "active",
}  # fmt: skip
EVENTS_IN_A_CHAPTER = STORIES * 4
_BEGAN = datetime(2025, 9, 1, tzinfo=UTC)
# A million events are about a year.
_STEP = timedelta(seconds=31)
_ERRORS = (
    "settle: ValueError: total_amount_cents of order {id} is missing",
    "tell_people: KeyError: 'errors_log'",
    "settle: TypeError: the status of {id} is not a text",
    "watch_runs: RuntimeError: market {number} is unknown to this shop",
)
_REASONS = ("The payment source is expired", "Stock is not available for 2 line items", "Gateway timed out",
            "The shipping method is not available in this market", "Invalid coupon code")  # fmt: skip
_NOTES = ("copied without its payment source", "the target order has another currency", "errors: {reason}",
          "the source order was changed after the copy began")  # fmt: skip
_ANSWERS = (
    "Commerce Layer answered 503 Service Unavailable",
    "no answer within 10 s",
    "throttled: 429 Too Many Requests",
)
_COLUMNS: dict[str, tuple[str, ...]] = {
    "events": ("id", "key", "topic", "subject", "mode", "organization", "told_status", "resource_updated_at", "result",
               "superseded", "error", "fingerprint", "origin", "deliveries", "first_seen_at", "last_seen_at"),
    "deliveries": ("id", "event_id", "topic", "origin", "received_at", "verdict", "reason", "body", "headers", "salt",
                   "size", "commitment", "key_fingerprint"),
    "transitions": ("id", "event_id", "subject", "from_status", "to_status", "at", "applied", "recorded_at"),
    "states": ("subject", "status", "at", "event_id", "source_order_id", "target_order_id", "order_subscription_id",
               "seen_at"),
    "factories": ("subject", "type", "id", "status", "started_at", "completed_at", "failed_at", "errors_count",
                  "place_target_order", "reuse_wallet", "created_at", "updated_at", "reference", "reference_origin",
                  "mode", "organization", "event_id", "place"),
    "follow_ups": ("id", "identity", "kind", "subject", "cause", "params", "event_id", "status", "attempt", "starts",
                   "planned_at", "due_at", "give_up_at", "changed_at", "result"),
    "attempts": ("id", "follow_up_id", "number", "start", "worker", "started_at", "acting_at", "finished_at", "result",
                 "detail", "request_id"),
    "audit_entries": ("id", "at", "subject", "actor", "action", "event_id", "follow_up_id", "detail", "payload", "salt",
                      "commitment", "leaf_hash", "epoch", "leaf_index"),
    "audit_texts": ("rowid", "text"),
    "incidents": ("id", "fingerprint", "kind", "subject", "cause", "detail", "status", "count", "first_seen_at",
                  "last_seen_at", "resolved_at"),
    "incident_subjects": ("incident_id", "subject", "detail", "count", "first_seen_at", "last_seen_at", "cured_at"),
}  # fmt: skip
_NUMBERED = ("events", "deliveries", "transitions", "follow_ups", "attempts", "audit_entries", "incidents")
_IGNORED = ("orders.pending", "order_subscriptions.renewal")
_LETTERS = string.ascii_letters


@dataclass
class Chapter:
    """The rows of one chapter.

    Attributes:
        tables: for each table its columns and its rows.
        leaf_hashes: of its audit entries, in their order.
    """

    tables: dict[str, tuple[Sequence[str], list[tuple[Any, ...]]]] = field(
        default_factory=lambda: {name: (columns, []) for name, columns in _COLUMNS.items()}
    )
    leaf_hashes: list[bytes] = field(default_factory=list)


def kinds() -> list[str]:
    """The kind of each story of a chapter, in their order."""
    found = ["copied"] * 150 + ["failed"] * 15 + ["renewed"] * 75 + ["lapsed"] * 10
    random.Random(7).shuffle(found)
    return found


@cache
def _sizes() -> dict[str, int]:
    """How many rows every chapter has of each numbered table."""
    first = _Writer(0, dict.fromkeys(_NUMBERED, 0)).written()
    return {name: len(first.tables[name][1]) for name in _NUMBERED}


def write_chapter(number: int) -> Chapter:
    """Invent one chapter.

    Args:
        number: which, from 0.
    """
    return _Writer(number, {name: size * number for name, size in _sizes().items()}).written()


class _Came(NamedTuple):
    topic: str
    subject: str
    origin: str


class _Writer:
    def __init__(self, number: int, offsets: dict[str, int]) -> None:
        self._number, self._next = number, {name: offset + 1 for name, offset in offsets.items()}
        self._chance = random.Random(number)
        self._now = _BEGAN + number * EVENTS_IN_A_CHAPTER * _STEP
        self._chapter = Chapter()

    def written(self) -> Chapter:
        for place, kind in enumerate(kinds()):
            self._story(place, kind)
        return self._chapter

    def _id(self) -> str:
        return "".join(self._chance.choices(_LETTERS, k=10))

    def _row(self, table: str, *values: Any) -> int:
        """Add a row, with its number before it where the table numbers its rows."""
        rows = self._chapter.tables[table][1]
        if table not in self._next:
            rows.append(values)
            return 0
        id_ = self._next[table]
        self._next[table] = id_ + 1
        rows.append((id_, *values))
        return id_

    def _entry(
        self,
        subject: str,
        actor: str,
        action: str,
        detail: dict[str, Any],
        *,
        event_id: int | None = None,
        follow_up_id: int | None = None,
        payload: bytes | None = None,
    ) -> None:
        told = json.dumps({name: value for name, value in detail.items() if value is not None}, sort_keys=True)
        salt, at = self._chance.randbytes(leaves.SALT_BYTES), spell(self._now)
        commitment = leaves.commit_to_entry(salt, actor, subject, told)
        entry = {"action": action, "actor": actor, "commitment": commitment, "event_id": event_id,
                 "follow_up_id": follow_up_id, "payload": payload, "sealed": None}  # fmt: skip
        leaf_hash = leaves.leaf_hash(leaves.leaf(at, entry))
        self._chapter.leaf_hashes.append(leaf_hash)
        place = self._next["audit_entries"] - 1
        if text := text_of(action, detail):
            self._row("audit_texts", place + 1, text)
        self._row("audit_entries", at, subject, actor, action, event_id, follow_up_id, told, payload, salt, commitment,
                  leaf_hash, 1, place)  # fmt: skip

    def _story(self, place: int, kind: str) -> None:
        copy, source, target = self._id(), self._id(), self._id()
        # Most subscriptions renew a few times in a year; some every hour.
        subscriber = self._chance.randrange(20_000) if place % 50 else self._chance.randrange(10)
        subscription = f"sub{subscriber:07d}" if kind in ("renewed", "lapsed") else None
        status: str | None = None
        for number, topic in enumerate(_KINDS[kind]):
            self._now += _STEP
            type_, _, action = topic.partition(".")
            id_ = {"orders": target, "order_subscriptions": subscription}.get(type_, copy)
            orders = (source, target, subscription)
            # Which events are odd depends on the place alone.
            fails = number == 2 and place % 50 == 3
            swept = number == 1 and place % 25 == 4
            again = number == 0 and place % 20 == 5
            event_id = self._event(topic, f"{type_}/{id_}", orders, fails=fails, swept=swept, again=again)
            if type_.endswith("order_copies"):
                status = self._move(event_id, f"{type_}/{id_}", status, _STATUS[action], orders, kind)
            if number == 2 and kind in ("copied", "failed"):
                self._follow_up(event_id, f"order_copies/{copy}", kind, place)
        if place % 125 == 6:
            self._apart()
        if place == 9:
            self._incident(copy)
        if place % 50 == 11:
            told = {"reason": f"asked by the shop in ticket {self._chance.randint(1000, 9999)}", "result": "handled",
                    "before": "failed", "new_follow_ups": 0}  # fmt: skip
            name = self._chance.choice(("maria", "desk", "night-shift"))
            self._entry(f"orders/{source}", f"operator {name}", "replayed", told)

    def _event(
        self, topic: str, subject: str, orders: tuple[str, str, str | None], *, fails: bool, swept: bool, again: bool
    ) -> int:
        seen = spell(self._now + timedelta(seconds=3 * again))
        at, status = spell(self._now), _STATUS[topic.partition(".")[2]]
        origin = "sweep" if swept else "webhook"
        error = self._error() if fails else None
        result = "failed" if fails else "ignored" if topic in _IGNORED else "handled"
        reason = f"base: {self._chance.choice(_REASONS)}" if topic.endswith(".fail") else None
        body = self._body(subject, status, at, orders, reason)
        type_ = topic.partition(".")[0]
        shared = None
        if error:
            shared = fingerprint("handler", topic, generalised(error), "test")
        elif reason:
            shared = fingerprint("failure", type_, failure_cause("copy failed", reason), "test")
        key = sha256(f"{topic} {subject} {at} {self._number}".encode()).digest()
        event_id = self._row("events", key, topic, subject, "test", ORGANIZATION, status, at, result, 0, error,
                             shared, origin, 2 if again else 1, at, seen)  # fmt: skip
        facts = {"identity": key.hex(), "mode": "test", "organization": ORGANIZATION, "told_status": status,
                 "resource_updated_at": at, "result": result, "error": error, "fingerprint": shared}  # fmt: skip
        self._delivery(event_id, _Came(topic, subject, origin), "event", body, facts)
        if error:
            self._entry(subject, "intake", "handler.failed", {"text": error}, event_id=event_id)
        if again:
            self._now += timedelta(seconds=3)
            self._delivery(event_id, _Came(topic, subject, origin), "redelivery", body, {})
        return event_id

    def _delivery(
        self,
        event_id: int | None,
        came: _Came,
        verdict: str,
        body: bytes,
        facts: dict[str, Any],
        reason: str | None = None,
    ) -> None:
        topic, subject, origin = came
        salt = self._chance.randbytes(leaves.SALT_BYTES)
        headers = '{"content-type": "application/vnd.api+json", "x-commercelayer-topic": "' + topic + '"}'
        commitment = leaves.commit_to_payload(salt, headers, body)
        id_ = self._row("deliveries", event_id, topic, origin, spell(self._now), verdict, reason, body, headers, salt,
                        len(body), commitment, "0f1e2d3c4b5a")  # fmt: skip
        action = {"event": "received", "redelivery": "redelivered"}.get(verdict, "quarantined")
        told = {"topic": topic, "origin": origin, "key": "0f1e2d3c4b5a", "reason": reason, "delivery": id_,
                "size": len(body), **facts}  # fmt: skip
        self._entry(subject, "intake", action, told, event_id=event_id, payload=commitment)

    def _body(
        self, subject: str, status: str, at: str, orders: tuple[str, str, str | None], reason: str | None
    ) -> bytes:
        type_, _, id_ = subject.partition("/")
        number = self._chance.randint(10_000_000, 99_999_999)
        log = '{"base":["' + reason[6:] + '"]}' if reason else "{}"
        return (
            f'{{"data":{{"id":"{id_}","type":"{type_}","links":{{"self":"/api/{subject}"}},"attributes":{{"status":'
            f'"{status}","number":"{number}","customer_email":"customer{number}@example.com","errors_log":{log},"errors_count":{int(bool(reason))},'
            f'"total_amount_cents":{number % 50_000},"created_at":"{at}","updated_at":"{at}","metadata":{{}}}},'
            f'"relationships":{{"source_order":{{"data":{{"type":"orders","id":"{orders[0]}"}}}},"target_order":'
            f'{{"data":{{"type":"orders","id":"{orders[1]}"}}}}}},"meta":{{"mode":"test","organization_id":'
            f'"{ORGANIZATION}"}}}}}}'
        ).encode()

    def _move(
        self,
        event_id: int,
        subject: str,
        before: str | None,
        status: str,
        orders: tuple[str, str, str | None],
        kind: str,
    ) -> str:
        at = spell(self._now)
        self._row("transitions", event_id, subject, before, status, at, 1, at)
        last = {"copied": "completed", "renewed": "completed"}.get(kind, "failed")
        if status == last:
            self._row("states", subject, status, at, event_id, *orders, at)
            self._factory(event_id, subject, status)
        told = {"status": status, "before": before, "updated_at": at, "source_order": orders[0],
                "target_order": orders[1], "order_subscription": orders[2]}  # fmt: skip
        self._entry(subject, "intake", "state.changed", told, event_id=event_id)
        if status in ("failed", "completed") and (status == "failed" or event_id % 10 == 0):
            text = self._chance.choice(_NOTES).format(reason=self._chance.choice(_REASONS))
            self._entry(subject, "intake", "note", {"text": text}, event_id=event_id)
        return status

    def _factory(self, event_id: int, subject: str, status: str) -> None:
        """What the lists of the API show of a copy. Two of three have a reference, as from a shop's own system."""
        type_, _, id_ = subject.partition("/")
        began, started, at = (spell(self._now - number * _STEP) for number in (2, 1, 0))
        known = sha256(subject.encode()).digest()
        reference = f"SHOP-{known[0] % 7}-{int.from_bytes(known[1:4], 'big'):08d}" if known[4] % 3 else None
        ended = (at, None) if status == "completed" else (None, at)
        self._row("factories", subject, type_, id_, status, started, *ended, int(status == "failed"), 1, 0, began, at,
                  reference, reference and ("erp", "pos", "web")[known[5] % 3], "test", ORGANIZATION, event_id,
                  place_of(status, self._now) + b"\1" + known)  # fmt: skip

    def _follow_up(self, event_id: int, subject: str, kind: str, place: int) -> None:
        name, cause = ("settle_source_order", "completed") if kind == "copied" else ("alert", "failed")
        identity = f"{name}:{subject}:{cause}"
        at, due, until = (spell(self._now + timedelta(hours=hours)) for hours in (0, 0, 24))
        dead, slow = place % 50 == 7, place % 10 == 8
        status = "dead" if dead else "done"
        made = "cancelled by us" if kind == "copied" else "told in the channel"
        result = self._chance.choice(_ANSWERS) if dead else made
        tries = 2 if slow else 1
        params = json.dumps({"source_order": self._id()})
        id_ = self._row("follow_ups", identity, name, subject, cause, params, event_id, status, tries, 1, at, due,
                        until, at, result)  # fmt: skip
        planned = {"kind": name, "cause": cause, "identity": identity, "params": params, "due_at": due,
                   "give_up_at": until}  # fmt: skip
        self._entry(subject, "intake", "follow_up.planned", planned, event_id=event_id, follow_up_id=id_)
        for number in range(1, tries + 1):
            worker = f"worker-{self._number % 3}"
            last = number == tries
            word = ("refused" if dead else "done") if last else "unavailable"
            detail = result if last else self._chance.choice(_ANSWERS)
            request = self._id()
            self._row("attempts", id_, number, 1, worker, at, None, at, word, detail, request)
            told = {"kind": name, "attempt": number, "start": 1, "worker": worker}
            self._entry(subject, "worker", "attempt.started", told, follow_up_id=id_)
            ended = told | {"detail": detail, "status": status if last else "planned", "request_id": request,
                            "due_at": None if last else due}  # fmt: skip
            self._entry(subject, "worker", f"attempt.{word}", ended, follow_up_id=id_)

    def _error(self) -> str:
        return self._chance.choice(_ERRORS).format(id=self._id(), number=self._chance.randint(10, 99))

    def _apart(self) -> None:
        reason = f"not a JSON:API document: it ends at byte {self._chance.randint(2, 900)}"
        body = b'{"data": {"id": "' + self._id().encode()
        came = _Came("orders.place", "topics/orders.place", "webhook")
        self._delivery(None, came, "quarantine", body, {}, reason)

    def _incident(self, copy: str) -> None:
        reason, at = self._chance.choice(_REASONS), spell(self._now)
        cause = f"failed: {generalised(reason)}"
        made = fingerprint("failure", "order_copies", cause, f"{self._number}")
        id_ = self._row("incidents", made, "failure", "order_copies", cause, reason, "resolved", 1, at, at, at)
        self._row("incident_subjects", id_, f"order_copies/{copy}", reason, 1, at, at, at)
        told = {"kind": "failure", "about": "order_copies", "cause": cause, "detail": reason}
        self._entry(f"incidents/{id_}", "worker", "incident.opened", told)
        ended = {"why": "quiet", "lasted": "5 min", "count": 1}
        self._entry(f"incidents/{id_}", "worker", "incident.resolved", ended)
