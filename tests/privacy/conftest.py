"""A customer's orders and copies in a store, beside others', and a look at every byte of the database's files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from service.privacy import erasure, plan
from service.store import Store, follow_up_rows, open_store
from service.store.follow_up_rows import Ending
from service.store.keep import keep
from service.store.schema import follow_ups
from service.vault import Vault, new_key
from tests import bodies
from tests.rows import rows

EMAIL = "jean.dupont@example.com"
COPY, SOURCE, TARGET = "XAyRWNUzyN", "qAlMhokOGm", "NgojhelVGm"
MINE = (f"order_copies/{COPY}", f"orders/{TARGET}", f"orders/{SOURCE}")
WHY = erasure.Why("operator Robin", "request")


def door_with(vault: Vault) -> bodies.Door:
    """The door of the tests, sealing what is kept."""
    plain = bodies.door()
    return bodies.Door(plain.organization, plain.mode, plain.keys, plain.router, vault)


def tell(store: Store, topic: str, document: object, *, vault: Vault | None = None, at: datetime | None = None) -> int:
    """Keep a delivery as the web process does; the event's row, 0 where there is none."""
    door = door_with(vault or Vault())
    arrival = bodies.arrival(topic, document, at or datetime.now(UTC), at=door)
    with store.write() as connection:
        return keep(connection, [arrival])[0].event_id or 0


def tell_story(store: Store, *, vault: Vault | None = None, at: datetime | None = None) -> None:
    """A customer's source order, its copy and the target; every body holds the address."""
    order = {"customer_email": EMAIL}
    tell(store, "orders.place", bodies.order(SOURCE, **order), vault=vault, at=at)
    told = bodies.copy(COPY, "completed", source_order=SOURCE, target_order=TARGET, metadata={"for": EMAIL})
    tell(store, "order_copies.complete", told, vault=vault, at=at)
    tell(store, "orders.place", bodies.order(TARGET, **order), vault=vault, at=at)


def tell_others(store: Store, number: int, *, vault: Vault | None = None, at: datetime | None = None) -> None:
    """Copies of other customers."""
    for one in range(number):
        told = bodies.copy(f"Other{one:05d}", "completed", source_order=f"Src{one:07d}", target_order=f"Tgt{one:07d}")
        tell(store, "order_copies.complete", told, vault=vault, at=at)


def end_work(store: Store, text: str = "done") -> None:
    """Bring every open follow-up to its end."""
    now = datetime.now(UTC)
    for row in rows(store, follow_ups):
        if row["status"] in follow_up_rows.LIVE:
            with store.write() as connection:
                started = follow_up_rows.start(connection, row["id"], row["attempt"], "w", now)
                assert started
                follow_up_rows.finish(connection, started, Ending("done", "done", text, request_id="r-1"), now)


def erase(store: Store, *subjects: str, vault: Vault | None = None) -> erasure.Done:
    """Erase subjects and all that belong to them."""
    done = erasure.erase(store, plan.plan(store, vault or Vault(), subjects), WHY)
    assert done
    return done


def keys(number: int = 1) -> list[SecretStr]:
    """New encryption keys."""
    return [new_key() for _ in range(number)]


@pytest.fixture
def look(tmp_path: Path) -> Callable[[str], set[str]]:
    """Says in which of a SQLite file's files a text stands, byte for byte; an index of words spells them small."""

    def found(text: str) -> set[str]:
        files = tmp_path.glob("copydesk.db*")
        return {path.name for path in files if text.lower().encode() in path.read_bytes().lower()}

    return found


@pytest.fixture
def sqlite_store(sqlite_url: str) -> Iterator[Store]:
    """A store in a SQLite file, whose bytes can be looked at."""
    opened = open_store(sqlite_url)
    yield opened
    opened.close()
