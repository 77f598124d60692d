"""Incidents open once, count, and end when what they affect is well again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.incidents import Occurrence, generalised, lasted
from service.outcomes import alert
from service.store import Store, incidents
from service.store.incident_alerts import join
from service.store.queries import OPEN
from service.store.record import plan
from service.store.schema import audit_entries, follow_ups
from service.store.schema import incidents as table
from tests.rows import rows

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=2, minutes=5)
CIRCUIT: dict[str, Any] = {"kind": "circuit", "subject": "webhooks/KYyWXzvJmZ", "cause": "circuit open"}
STUCK = Occurrence("stuck", "order_factories", "factories are stuck", "")


def occur(store: Store, **changes: Any) -> int:
    with store.write() as connection:
        given = {**CIRCUIT, "detail": "reset it", "now": NOW, "actor": "worker"} | changes
        return incidents.occur(connection, **given)


def resolve(store: Store, **changes: Any) -> bool:
    with store.write() as connection:
        return incidents.resolve(connection, **{**CIRCUIT, "now": LATER, "actor": "worker"} | changes)


def align(store: Store, *affected: str, now: datetime = NOW) -> int | None:
    with store.write() as connection:
        return incidents.align(connection, STUCK, dict.fromkeys(affected, "since noon"), now, "worker")


def messages(store: Store) -> list[str]:
    return [row["cause"] for row in rows(store, follow_ups)]


def test_an_incident_plans_one_alert_however_often_it_occurs(store: Store) -> None:
    ids = {occur(store, now=NOW + timedelta(minutes=n)) for n in range(5)}
    (row,) = rows(store, table)
    assert ids == {row["id"]}
    assert (row["status"], row["count"], row["last_seen_at"]) == ("open", 5, NOW + timedelta(minutes=4))
    assert messages(store) == [f"circuit open (incident {row['id']})"]


def test_a_cure_plans_one_notice_that_says_how_long_and_how_often(store: Store) -> None:
    id_ = occur(store)
    occur(store)
    assert resolve(store)
    assert not resolve(store)
    notice = rows(store, follow_ups)[-1]
    assert notice["cause"] == f"recovered: circuit open (incident {id_})"
    assert '"lasted": "2 h 5 min, 2 occurrences"' in notice["params"]
    assert len(messages(store)) == 2


def test_what_comes_back_after_its_cure_is_another_incident(store: Store) -> None:
    first = occur(store)
    resolve(store)
    second = occur(store, now=LATER)
    assert second != first
    assert [row["status"] for row in rows(store, table)] == ["resolved", "open"]


@pytest.mark.parametrize("changes", [{"kind": "drift"}, {"subject": "webhooks/other"}, {"cause": "25 failures"}])
def test_another_kind_subject_or_cause_is_another_incident(store: Store, changes: dict[str, str]) -> None:
    assert occur(store) != occur(store, **changes)
    assert not resolve(store, cause="something else")


def test_an_incident_of_many_lasts_until_the_last_of_them_is_well(store: Store) -> None:
    id_ = align(store, "order_copies/a", "order_copies/b")
    assert align(store, "order_copies/a", "order_copies/b") == id_
    assert align(store, "order_copies/b", "order_copies/c") == id_
    assert [row["count"] for row in rows(store, table)] == [3]
    assert align(store, now=LATER) is None
    assert [row["status"] for row in rows(store, table)] == ["resolved"]
    assert len(messages(store)) == 2


def test_opening_and_resolving_are_in_the_audit_trail(store: Store) -> None:
    id_ = occur(store)
    resolve(store)
    told = [(r["subject"], r["action"]) for r in rows(store, audit_entries) if r["action"].startswith("incident")]
    assert told == [(f"incidents/{id_}", "incident.opened"), (f"incidents/{id_}", "incident.resolved")]


def test_an_alert_that_joins_again_is_counted_once_and_keeps_its_role(store: Store) -> None:
    one = Occurrence("failure", "order_copies", "copy failed", "no stock", "order_copies/a")
    two = Occurrence("failure", "order_copies", "copy failed", "no stock", "order_copies/b")
    with store.write() as connection:
        for copy in "ab":
            plan(connection, alert(f"order_copies/{copy}", "copy failed"), NOW, "intake")
    first, second = (row["id"] for row in rows(store, follow_ups) if row["status"] in OPEN)
    for _ in range(2):
        with store.write() as connection:
            roles = [join(connection, what, id_, NOW, "worker").role for what, id_ in ((one, first), (two, second))]
        assert roles == ["tells", "counted"]
    assert [row["count"] for row in rows(store, table)] == [2]


def test_a_failure_after_a_quiet_day_is_told_again(store: Store) -> None:
    with store.write() as connection:
        for copy in "ab":
            plan(connection, alert(f"order_copies/{copy}", "copy failed"), NOW, "intake")
    roles = []
    for number, row in enumerate(rows(store, follow_ups)):
        what = Occurrence("failure", "order_copies", "copy failed", "no stock", row["subject"])
        with store.write() as connection:
            roles.append(join(connection, what, row["id"], NOW + timedelta(hours=25 * number), "worker").role)
    assert roles == ["tells", "tells"]
    assert [row["status"] for row in rows(store, table)] == ["resolved", "open"]
    assert not [cause for cause in messages(store) if cause.startswith("recovered")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("payment_source: card ending 4242 expired", "payment_source: card ending 1881 expired"),
        ("order qAlMhokOGm is locked", "order NgojhelVGm is locked"),
        ("base: jo@example.com is  blocked", "base: an%40example.com is blocked"),
        ("id 6f1c9d1e-0f2b-4c4e-9a53-0d1f6d5f0a11", "id 00000000-0f2b-4c4e-9a53-0d1f6d5f0a12"),
    ],
)
def test_errors_that_differ_in_ids_numbers_and_addresses_are_one_cause(one: str, other: str) -> None:
    assert generalised(one) == generalised(other)


def test_errors_of_other_words_stay_apart() -> None:
    assert generalised("Validation failed: attributes") == "Validation failed: attributes"
    assert generalised("card expired") != generalised("out of stock")


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "less than a second"), (59, "59 s"), (7500, "2 h 5 min"), (180_000, "2 d 2 h")]
)
def test_a_length_is_told_in_its_two_greatest_units(seconds: int, words: str) -> None:
    assert lasted(timedelta(seconds=seconds)) == words
