"""Full text finds the same on both databases, takes no syntax from anybody, and forgets for good."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.errors import BadFilter
from service.store import Store, open_store
from service.store.audit import entry, write_audit
from service.store.listings import LISTINGS, Asked, count, facets, page
from service.store.texts import forget_text
from tests.bodies import NOW

ENTRIES = LISTINGS["audit_entries"]
# What is searched for, and the actions of what is found, the newest first.
TABLE: list[tuple[str, list[str]]] = [
    ("expired", []),
    ("answer", ["attempt.unavailable"]),
    ("ANSWER no", ["attempt.unavailable"]),
    ("no answer within 10", ["attempt.unavailable"]),
    ('"answer within"', ["attempt.unavailable"]),
    ('"within answer"', []),
    ("answ*", ["attempt.unavailable"]),
    ("answ", []),
    ('"no answ"*', ["attempt.unavailable"]),
    ("größe", ["note"]),
    ("Größe unbekannt", ["note"]),
    ("grosse", []),
    ("Grö*", ["note"]),
    ("4711", ["handler.failed"]),
    ("total_amount_cents", ["handler.failed"]),
    ("total", ["handler.failed"]),
    ("ticket 42", ["replayed"]),
    ("json", ["quarantined"]),
    ("hurts", ["incident.opened"]),
    ("answer OR case", []),
    ("answer NOT within", []),
    ("NEAR(answer within)", []),
    ("text:answer", []),
    ("answer'); DROP TABLE audit_texts; --", []),
    ('"', []),
    ("^answer", ["attempt.unavailable"]),
    ("answer & within | !case", []),
    ("answer <-> within", ["attempt.unavailable"]),
    ("answer:*", ["attempt.unavailable"]),
    ("-answer", ["attempt.unavailable"]),
    ("{answer} [within]", ["attempt.unavailable"]),
]


@pytest.mark.parametrize(("text", "actions"), TABLE)
def test_a_search_finds_the_same_on_both(record: Store, text: str, actions: list[str]) -> None:
    """Words in any case and order, phrases, beginnings; what other programs take for syntax separates words here."""
    with record.read() as connection:
        if text == '"':
            with pytest.raises(BadFilter):
                page(connection, ENTRIES, Asked({"text": text}))
            return
        assert [row["action"] for row in page(connection, ENTRIES, Asked({"text": text})).rows] == actions
        assert count(connection, ENTRIES, {"text": text}) == len(actions)


def test_a_search_is_joined_with_other_filters(record: Store) -> None:
    with record.read() as connection:
        assert count(connection, ENTRIES, {"text": "copied", "action": "note"}) == 1
        assert count(connection, ENTRIES, {"text": "copied", "action": "replayed"}) == 0
        assert facets(connection, ENTRIES, {"text": "answer"}, ["action"]) == {"action": {"attempt.unavailable": 1}}


def test_what_is_rolled_back_is_not_found(own_record: Store) -> None:
    """The words are written in the transaction of their entry, under its number."""
    rows = [entry(NOW, "orders/x", "intake", "received", {"topic": "t"}),
            entry(NOW, "orders/x", "intake", "note", {"text": "zebra one"}),
            entry(NOW, "orders/x", "intake", "received", {"topic": "t"}),
            entry(NOW, "orders/x", "intake", "note", {"text": "zebra two"})]  # fmt: skip
    with own_record.engine.connect() as connection, connection.begin() as transaction:
        write_audit(connection, rows)
        transaction.rollback()
    with own_record.read() as connection:
        assert count(connection, ENTRIES, {"text": "zebra"}) == 0
    with own_record.write() as connection:
        write_audit(connection, rows)
    with own_record.read() as connection:
        found = page(connection, ENTRIES, Asked({"text": "zebra"})).rows
    assert [row["detail"]["text"] for row in found] == ["zebra two", "zebra one"]


def test_a_forgotten_text_leaves_no_byte(tmp_path: Path) -> None:
    """What is forgotten is in no page of the file; the others are found as before."""
    path = tmp_path / "copydesk.db"
    store = open_store(f"sqlite:///{path}")
    with store.write() as connection:
        texts = [{"text": f"quagga{number} walked alone"} for number in range(200)]
        write_audit(connection, [entry(NOW, "orders/x", "intake", "note", text) for text in texts])
    with store.write() as connection:
        found = page(connection, ENTRIES, Asked({"text": "quagga77"})).rows
        forget_text(connection, [row["id"] for row in found])
        connection.exec_driver_sql("DROP TRIGGER audit_entries_undeleted")
        connection.exec_driver_sql("DELETE FROM audit_entries WHERE id = ?", (found[0]["id"],))
    with store.read() as connection:
        assert count(connection, ENTRIES, {"text": "quagga77"}) == 0
        assert count(connection, ENTRIES, {"text": "quagga*"}) == 199
    with store.engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    store.close()
    kept = path.read_bytes()
    assert b"quagga78" in kept
    assert b"quagga77" not in kept
