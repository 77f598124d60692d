"""Damage of the file is found by a look, told once, and over when it is mended."""

from __future__ import annotations

from pathlib import Path

from service import integrity
from service.store import Store, open_store
from service.store.keep import keep
from service.store.schema import follow_ups, incidents
from tests.bodies import arrival, copy
from tests.rows import rows


def test_a_damaged_page_is_an_incident_until_it_is_mended(sqlite_url: str) -> None:
    """Found twice, told once; the alert for people is planned."""
    store = open_store(sqlite_url)
    with store.write() as connection:
        keep(connection, [arrival("order_copies.fail", copy(status="failed"))])
    assert integrity.look(store) is None
    with store.read() as connection:
        page = connection.exec_driver_sql("SELECT rootpage FROM sqlite_schema WHERE name = 'transitions'").scalar_one()
        size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    store.cut_wal()
    store.close()
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    whole = file.read_bytes()
    start = (page - 1) * size
    file.write_bytes(whole[:start] + b"\xaa" * size + whole[start + size :])
    store = open_store(sqlite_url)
    assert integrity.look(store)
    assert integrity.look(store)
    (found,) = rows(store, incidents)
    assert (found["kind"], found["status"], found["count"]) == ("integrity", "open", 2)
    assert "restore a backup" in found["detail"]
    assert [row["kind"] for row in rows(store, follow_ups) if row["subject"] == "copydesk/database"] == ["alert"]
    store.cut_wal()
    store.close()
    mended = file.read_bytes()
    file.write_bytes(mended[:start] + whole[start : start + size] + mended[start + size :])
    store = open_store(sqlite_url)
    assert integrity.look(store) is None
    assert rows(store, incidents)[0]["status"] == "resolved"
    store.close()


def test_on_postgresql_there_is_nothing_to_look_at(store: Store) -> None:
    """And a sound file is no incident."""
    assert integrity.look(store) is None
    assert rows(store, incidents) == []
