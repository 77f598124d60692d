"""When an open incident is told again: where its message was lost, and where it hits others a day later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from service.incidents import Occurrence
from service.store import Store, incidents, queries
from service.store.incident_alerts import may_tell
from service.store.schema import follow_ups
from service.store.schema import incidents as table
from tests.rows import rows

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STUCK = Occurrence("stuck", "order_factories", "order copies are stuck", "")


def look(store: Store, now: datetime, *stuck: str) -> None:
    """A sweep finds these stuck."""
    with store.write() as connection:
        incidents.align(connection, STUCK, {f"order_copies/{one}": f"{one} is stuck" for one in stuck}, now, "sweep")


def messages(store: Store) -> list[str]:
    """What was to be told, in that order."""
    return [row["cause"] for row in rows(store, follow_ups)]


def alerts_end(store: Store, status: str, now: datetime) -> None:
    """Every alert that waits comes to this end."""
    with store.write() as connection:
        waiting = sa.update(follow_ups).where(follow_ups.c.status == "planned")
        connection.execute(waiting.values(status=status, changed_at=now))


def test_copies_that_get_stuck_a_day_later_are_told_though_the_first_never_ends(store: Store) -> None:
    """Once on each further day, however many they are; nothing new is told nothing of."""
    look(store, NOW, "a")
    alerts_end(store, "done", NOW)
    look(store, NOW + 23 * HOUR, "a", "b")
    assert messages(store) == ["order copies are stuck (incident 1)"]
    for minutes in range(0, 60, 15):
        look(store, NOW + DAY + timedelta(minutes=minutes), "a", "b", f"c{minutes}", f"d{minutes}")
    look(store, NOW + 3 * DAY, "a")
    look(store, NOW + 4 * DAY, "a")
    assert messages(store) == ["order copies are stuck (incident 1)", "order copies are stuck (incident 1, day 2)"]
    look(store, NOW + 5 * DAY, "a", "e")
    assert messages(store)[2:] == ["order copies are stuck (incident 1, day 6)"]
    assert '"reason": "e is stuck"' in rows(store, follow_ups)[-1]["params"]


def test_the_end_is_told_to_those_who_heard_of_the_beginning(store: Store) -> None:
    """Also where a later message is still on its way."""
    look(store, NOW, "a")
    alerts_end(store, "done", NOW)
    look(store, NOW + DAY, "a", "b")
    look(store, NOW + DAY + HOUR)
    assert messages(store)[-1] == "recovered: order copies are stuck (incident 1)"
    with store.read() as connection:
        assert may_tell(connection, 1, recovery=True)


@pytest.mark.parametrize("end", ["refused", "dead"])
def test_a_message_that_was_lost_is_told_by_another_an_hour_later(store: Store, end: str) -> None:
    """At most one an hour for as long as it goes on, without anything new, and the last one is the incident's."""
    look(store, NOW, "a")
    alerts_end(store, end, NOW)
    for minutes in (15, 30, 45):
        look(store, NOW + timedelta(minutes=minutes), "a", f"b{minutes}")
    assert len(messages(store)) == 1
    look(store, NOW + HOUR, "a")
    look(store, NOW + HOUR + timedelta(minutes=15), "a")
    assert messages(store) == ["order copies are stuck (incident 1)", "order copies are stuck (incident 1, after 1 h)"]
    alerts_end(store, end, NOW + 2 * HOUR)
    look(store, NOW + 3 * HOUR, "a")
    alerts_end(store, "done", NOW + 3 * HOUR)
    look(store, NOW + 9 * HOUR, "a")
    assert messages(store)[2:] == ["order copies are stuck (incident 1, after 3 h)"]
    (incident,) = rows(store, table)
    assert incident["follow_up_id"] == rows(store, follow_ups)[-1]["id"]


def test_an_incident_that_occurs_again_is_told_where_its_message_was_lost(store: Store) -> None:
    """Of one thing, too, such as gaps of a proof; where the message arrived, it only counts, however late."""

    def occurs(now: datetime) -> None:
        with store.write() as connection:
            given = {
                "kind": "proof",
                "subject": "proofs/nightly",
                "cause": "gaps",
                "detail": "three",
                "actor": "prover",
            }
            incidents.occur(connection, now=now, **given)

    occurs(NOW)
    alerts_end(store, "dead", NOW + DAY)
    occurs(NOW + 2 * DAY)
    assert messages(store) == ["gaps (incident 1)", "gaps (incident 1, after 48 h)"]
    alerts_end(store, "done", NOW + 2 * DAY)
    occurs(NOW + 5 * DAY)
    assert len(messages(store)) == 2


def test_the_message_says_how_many_more_there_are_and_each_keeps_its_own_words(store: Store) -> None:
    look(store, NOW, "a", "b", "c")
    assert '"reason": "a is stuck (and 2 more)"' in rows(store, follow_ups)[0]["params"]
    with store.read() as connection:
        found = queries.affected_by(connection, 1)
    assert [(one.subject, one.detail) for one in found] == [(f"order_copies/{x}", f"{x} is stuck") for x in "abc"]
