"""Encryption at rest: what is plain is sealed, what is under an old key comes under the new one, while work goes on."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from service.errors import ConfigurationError
from service.intake.replay import Operator, replay_event
from service.merkle.leaves import commit_to_payload, digest_of_sealed
from service.privacy import sealing
from service.privacy.sealing import Sealed
from service.store import Store, queries, tombstones
from service.store.keep import keep
from service.store.schema import audit_entries, deliveries
from service.vault import Vault
from tests import bodies
from tests.privacy.conftest import EMAIL, door_with, end_work, erase, keys, tell, tell_others, tell_story
from tests.rows import rows


def bring(store: Store, vault: Vault) -> Sealed:
    """Do what `copydesk keys rotate` does to payloads."""
    return sealing.bring_up_to_date(store, vault, "operator Robin", lambda: datetime.now(UTC))


def opened(store: Store, vault: Vault) -> list[bytes]:
    """Every body, opened; each still is what the log committed to."""
    found = []
    for row in rows(store, deliveries):
        with store.read() as connection:
            payload = queries.payload_of(connection, row["id"], vault)
        assert payload
        assert commit_to_payload(payload.salt, payload.headers, payload.body) == row["commitment"]
        found.append(payload.body)
    return found


def test_what_is_plain_is_sealed_and_the_trail_says_so(store: Store) -> None:
    """Each with an entry that commits to the sealed bytes; a second time there is nothing to do."""
    tell_story(store)
    before = opened(store, Vault())
    vault = Vault(keys())
    assert bring(store, vault) == Sealed(3, 0)
    assert opened(store, vault) == before
    told = {
        json.loads(r["detail"])["delivery"]: r for r in rows(store, audit_entries) if r["action"] == "payload.sealed"
    }
    for row in rows(store, deliveries):
        assert (row["headers"], row["salt"]) == (None, None)
        entry = told[row["id"]]
        assert entry["payload"] == row["commitment"]
        assert entry["sealed"] == digest_of_sealed(row["body"])
        assert entry["event_id"] == row["event_id"]
    assert bring(store, vault) == Sealed(0, 0)


def test_what_is_under_an_old_key_comes_under_the_first(store: Store) -> None:
    """The sealed bytes stay as they are, and the old key may go."""
    old, new = keys(2)
    tell_story(store, vault=Vault([old]))
    sealed = [row["body"] for row in rows(store, deliveries)]
    assert sealing.standing(store, Vault([new, old])) == sealing.Standing(0, 3, 0, 3)
    assert bring(store, Vault([new, old])) == Sealed(0, 3)
    assert [row["body"] for row in rows(store, deliveries)] == sealed
    assert len(opened(store, Vault([new]))) == 3
    assert sealing.standing(store, Vault([new])) == sealing.Standing(0, 0, 3, 3)


def test_a_rotation_that_broke_off_is_finished_by_the_next(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was done stays done, and is not done again."""
    monkeypatch.setattr(sealing, "_TOGETHER", 2)
    tell_others(store, 7)
    vault = Vault(keys())
    done: list[int] = []

    def stop(id_: int) -> None:
        done.append(id_)
        if len(done) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sealing.bring_up_to_date(store, vault, "operator Robin", lambda: datetime.now(UTC), stop)
    assert sealing.standing(store, vault) == sealing.Standing(3, 0, 4, 7)
    assert bring(store, vault) == Sealed(3, 0)
    sealed = [row for row in rows(store, audit_entries) if row["action"] == "payload.sealed"]
    assert len(sealed) == 7


def test_deliveries_come_in_and_others_are_erased_meanwhile(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A payload that is erased between the look and the write stays erased."""
    monkeypatch.setattr(sealing, "_TOGETHER", 4)
    tell_story(store)
    tell_others(store, 20)
    end_work(store)
    vault, stop = Vault(keys()), threading.Event()
    came: list[int] = []

    def come() -> None:
        while not stop.is_set():
            came.append(tell(store, "orders.place", bodies.order(f"New{len(came):07d}"), vault=vault))

    def in_between(id_: int) -> None:
        if id_ < 5:
            erase(store, "orders/qAlMhokOGm", vault=vault)

    thread = threading.Thread(target=come)
    thread.start()
    try:
        sealing.bring_up_to_date(store, vault, "operator Robin", lambda: datetime.now(UTC), in_between)
    finally:
        stop.set()
        thread.join()
    assert came
    found = rows(store, deliveries)
    assert [row["id"] for row in found if row["body"] is None] == [1, 2, 3]
    assert all(row["data_key"] for row in found if row["body"])


def test_wrong_keys_are_one_line_and_change_nothing(store: Store) -> None:
    """The intake never opens what is kept, so deliveries go on."""
    old, wrong = keys(2)
    tell_story(store, vault=Vault([old]))
    before = rows(store, deliveries)
    with pytest.raises(ConfigurationError, match="none of its keys decrypts") as caught:
        bring(store, Vault([wrong]))
    assert len(caught.value.mistakes) == 1
    assert rows(store, deliveries) == before
    tell_others(store, 1, vault=Vault([wrong]))
    assert len(rows(store, deliveries)) == 4


def test_with_the_database_alone_nothing_of_a_body_or_header_is_read(
    sqlite_store: Store, look: Callable[[str], set[str]]
) -> None:
    """From the web, from a sweep, after a replay, and after what was plain was sealed: in the file and its log."""
    store, vault = sqlite_store, Vault(keys())
    door = door_with(vault)
    tell(store, "orders.place", bodies.order("Plain00001", customer_email=EMAIL, secret_word="canary-plain"))
    assert look("canary-plain")
    told = bodies.copy("Sealed0001", "failed", metadata={"for": EMAIL, "word": "canary-web"})
    event = tell(store, "order_copies.fail", told, vault=vault)
    headers = json.dumps({"x-request-id": "canary-header"})
    body = bodies.wire(bodies.order("Swept00001", customer_email=EMAIL, word="canary-sweep"))
    made = door.understand(door.take("orders.place", body, headers, None, datetime.now(UTC), "sweep"))
    with store.write() as connection:
        keep(connection, [made])
    replay_event(store, door, event, Operator("Robin"))
    assert bring(store, vault) == Sealed(1, 0)
    assert store.cut_wal()
    tell(store, "orders.place", bodies.order("After00001", customer_email=EMAIL), vault=vault)
    words = (EMAIL, "customer_email", "canary", "x-request-id", "secret_word", '"attributes"')
    assert {word: look(word) for word in words} == {key: set() for key in words}
    assert sum(EMAIL.encode() in body for body in opened(store, vault)) == 4


@pytest.mark.parametrize("again", [False, True], ids=["sealed", "wrapped anew"])
def test_it_waits_for_an_erasure_that_is_under_way(store: Store, again: bool) -> None:
    """Which would not see the entries that are written meanwhile, and leave the names in them."""
    first, second = keys(2)
    tell_story(store, vault=Vault([first]) if again else None)
    found: list[Sealed] = []
    thread = threading.Thread(target=lambda: found.append(bring(store, Vault([second, first]))))
    with store.write() as connection:
        tombstones.lock_for_erasing(connection)
        thread.start()
        thread.join(0.5)
        waited = thread.is_alive()
    thread.join(10)
    assert waited
    assert found == [Sealed(0, 3) if again else Sealed(3, 0)]
