"""What comes between an erasure's look and its transaction: it goes too."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from service.audit import sequencer
from service.intake.deferred import read_deferred
from service.privacy import erasure, plan
from service.store import Store, holds
from service.store.schema import audit_entries, deliveries, follow_ups, metadata
from service.vault import Vault
from tests import bodies
from tests.audit.record import KEY, verified
from tests.privacy.conftest import (
    COPY,
    EMAIL,
    MINE,
    SOURCE,
    TARGET,
    WHY,
    door_with,
    end_work,
    erase,
    keys,
    tell,
    tell_others,
    tell_story,
)
from tests.rows import rows

LARGE = bodies.copy(COPY, "failed", metadata={"x": "y" * 300_000, "for": EMAIL})


def bytes_of(store: Store) -> int:
    """How many deliveries have their bytes."""
    return len([row for row in rows(store, deliveries) if row["body"] is not None])


@pytest.mark.parametrize("sealed", [False, True], ids=["plain", "sealed"])
@pytest.mark.parametrize(
    ("told", "verdict"),
    [(bodies.wire(bodies.copy(COPY, "failed")) + b" and more", "quarantine"), (LARGE, "deferred")],
    ids=["quarantine", "deferred"],
)
def test_a_delivery_that_stands_apart_and_came_meanwhile_goes_too(
    store: Store, told: object, verdict: str, sealed: bool
) -> None:
    """It has no subject; only its bytes say whose it is. Somebody else's stays."""
    vault = Vault(keys()) if sealed else Vault()
    tell_story(store, vault=vault)
    end_work(store)
    wanted = plan.plan(store, vault, [MINE[0]])
    tell(store, "order_copies.fail", told, vault=vault)
    tell(store, "order_copies.fail", bodies.wire(bodies.copy("Other00001", "failed")) + b" and more", vault=vault)
    assert [row["verdict"] for row in rows(store, deliveries)][-2:] == [verdict, "quarantine"]
    done = erasure.erase(store, wanted, WHY)
    assert done
    assert (done.deliveries, bytes_of(store)) == (4, 1)
    assert rows(store, deliveries)[-1]["body"] is not None
    sequencer.sequence(store, KEY, datetime.now(UTC))
    assert verified(store).violations == []


@pytest.mark.parametrize("wanted_by", ["subject", "address"])
def test_one_that_came_in_the_moment_of_the_transaction_goes_too(
    store: Store, monkeypatch: pytest.MonkeyPatch, wanted_by: str
) -> None:
    """After the last look without a lock."""
    tell_story(store)
    end_work(store)
    named = plan.plan(store, Vault(), [MINE[0]]) if wanted_by == "subject" else None
    wanted = named or plan.plan_for_address(store, Vault(), EMAIL)
    look, looks = erasure.renewed, []

    def and_another(*given: object) -> plan.Plan:
        found = look(*given)  # type: ignore[arg-type]
        if not looks:
            looks.append(tell(store, "orders.place", b"not json, of " + EMAIL.encode() + b", " + COPY.encode()))
        return found

    monkeypatch.setattr(erasure, "renewed", and_another)
    assert erasure.erase(store, wanted, WHY)
    assert (len(rows(store, deliveries)), bytes_of(store)) == (4, 0)


def test_one_in_quarantine_that_comes_after_the_erasure_is_found_by_the_address(store: Store) -> None:
    """Nothing says whose it is; it is kept until its time is over, or until somebody asks for the address again."""
    tell_story(store)
    end_work(store)
    assert erasure.erase(store, plan.plan_for_address(store, Vault(), EMAIL), WHY)
    tell(store, "order_copies.fail", bodies.wire(bodies.copy(COPY, "failed", customer_email=EMAIL)) + b" and more")
    assert bytes_of(store) == 1
    again = plan.plan_for_address(store, Vault(), EMAIL)
    assert (again.subjects, len(again.apart)) == ((), 1)
    done = erasure.erase(store, again, WHY)
    assert done
    assert (done.deliveries, bytes_of(store)) == (1, 0)
    sequencer.sequence(store, KEY, datetime.now(UTC))
    assert verified(store).violations == []


def test_one_that_was_read_meanwhile_goes_with_its_event_or_stays_with_its_own(store: Store) -> None:
    """It named the erased and is another's: as with every event that was understood, that one's bytes are its own."""
    tell_story(store)
    tell(store, "order_copies.fail", LARGE)
    named = bodies.copy("Other00001", "failed", metadata={"x": "y" * 300_000, "after": COPY})
    tell(store, "order_copies.fail", named)
    end_work(store)
    wanted = plan.plan(store, Vault(), [MINE[0]])
    assert len(wanted.apart) == 2
    assert read_deferred(store, door_with(Vault())) == 2
    end_work(store)
    assert erasure.erase(store, wanted, WHY)
    (left,) = [row for row in rows(store, deliveries) if row["body"] is not None]
    assert b"Other00001" in left["body"]
    sequencer.sequence(store, KEY, datetime.now(UTC))
    assert verified(store).violations == []


def test_an_older_row_whose_text_names_the_erased_since_loses_it(store: Store) -> None:
    """A follow-up of somebody else came to its end between the look and the transaction, and says after whom."""
    tell_story(store)
    end_work(store)
    tell_others(store, 1)
    wanted = plan.plan(store, Vault(), [MINE[0]])
    end_work(store, f"after {SOURCE}")
    assert [row["result"] for row in rows(store, follow_ups)] == ["done", f"after {SOURCE}"]
    assert erasure.erase(store, wanted, WHY)
    assert [row["result"] for row in rows(store, follow_ups)] == ["erased", "erased"]
    whole = repr([rows(store, table) for table in metadata.sorted_tables])
    assert [name for name in (COPY, SOURCE, TARGET, EMAIL) if name in whole] == []


def test_the_reason_of_a_hold_on_somebody_else_is_a_text_like_every_other(store: Store) -> None:
    """The hold stands; its reason, that named whoever is erased, goes, and so does the entry's."""
    tell_story(store)
    tell_others(store, 1)
    end_work(store)
    now = datetime.now(UTC)
    with store.write() as connection:
        holds.place(connection, "orders/Src0000000", f"quarrel with {EMAIL}", "operator Jo", now)
        holds.place(connection, "orders/Tgt0000000", f"see {SOURCE}", "operator Jo", now)
        holds.place(connection, "orders/SomebodyEl", "case 17", "operator Jo", now)
    erase(store, MINE[0])
    with store.read() as connection:
        held = {one.subject: one.reason for one in holds.listed(connection, standing=True)}
    assert held == {
        "orders/Src0000000": f"quarrel with {EMAIL}",
        "orders/Tgt0000000": "erased",
        "orders/SomebodyEl": "case 17",
    }
    assert SOURCE not in repr(rows(store, audit_entries))
    with pytest.raises(Exception, match="legal hold: orders/Src0000000"):
        erasure.erase(store, plan.plan_for_address(store, Vault(), EMAIL), WHY)
    with store.write() as connection:
        for subject in ("orders/Src0000000", "orders/Tgt0000000"):
            assert holds.release(connection, subject, None, "operator Jo", now)
    assert erasure.erase(store, plan.plan_for_address(store, Vault(), EMAIL), WHY)
    assert EMAIL not in repr([rows(store, table) for table in metadata.sorted_tables])
