"""Refused requests: counted by the hour, told once a day, and never a row of their own."""

from __future__ import annotations

import threading
import time

from service.intake.refusals import Refusals
from service.store import Store, open_store
from service.store.schema import follow_ups, refusals
from tests.bodies import TOPICS
from tests.rows import actions, counts, rows


def told(store: Store) -> dict[tuple[str, str], int]:
    """The counts by topic and reason, all hours together."""
    found: dict[tuple[str, str], int] = {}
    for row in rows(store, refusals):
        key = (row["topic"], row["reason"])
        found[key] = found.get(key, 0) + row["count"]
    return found


def test_counts_add_up(store: Store) -> None:
    """Counts of several writes add up; topics that nobody serves are one row, whatever they are called."""
    counted = Refusals(store, TOPICS, every=60)
    for number in range(300):
        counted.count(f"made.up{number}", "unknown topic")
        counted.count("orders.place", "bad signature")
        if number % 100 == 0:
            counted.flush()
    counted.close()
    assert told(store) == {("", "unknown topic"): 300, ("orders.place", "bad signature"): 300}
    assert counts(store)["deliveries"] == 0


def test_bad_signatures_are_told_once_a_day(store: Store) -> None:
    """The first bad signature of a day on a topic plans one alert; other refusals plan none."""
    for _ in range(3):
        counted = Refusals(store, TOPICS, every=60)
        for topic, reason in (("orders.place", "bad signature"), ("orders.cancel", "no signature"), ("x.y", "bad")):
            counted.count(topic, reason)
        counted.close()
    (planned,) = rows(store, follow_ups)
    assert (planned["kind"], planned["subject"], planned["event_id"]) == ("alert", "topics/orders.place", None)
    assert [action for action, _ in actions(store)] == ["follow_up.planned"]


def test_a_locked_database_delays_the_counts(store: Store) -> None:
    """What cannot be written now is written the next time, and nothing is lost or counted twice."""
    counted = Refusals(store, TOPICS, every=60)
    counted.count("orders.place", "bad signature")
    with store.engine.begin() as connection:
        if store.dialect == "postgresql":
            connection.exec_driver_sql("LOCK TABLE refusals IN ACCESS EXCLUSIVE MODE")
        counted.flush()
    counted.count("orders.place", "bad signature")
    counted.close()
    assert told(store) == {("orders.place", "bad signature"): 2}


def test_a_stop_while_another_process_writes_loses_no_count(sqlite_url: str) -> None:
    """Web processes that stop together find each other's lock; there is no next time, so they wait for it."""
    store = open_store(sqlite_url)
    counted = Refusals(store, TOPICS, every=60)
    counted.count("orders.place", "no signature")
    counted.count_access("unknown token")
    with store.engine.begin():
        stopping = threading.Thread(target=counted.close)
        stopping.start()
        time.sleep(0.3)
    stopping.join(5)
    assert told(store) == {("orders.place", "no signature"): 1, ("api", "unknown token"): 1}
    store.close()
