"""A path into kept payloads finds rows by what they brought, sealed or not, and says how far it came."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from handlers import MODULES
from service.errors import BadFilter
from service.intake import Door
from service.router import Router
from service.store import Store
from service.store.keep import keep
from service.store.listings import LISTINGS, Asked, page_with
from service.vault import Vault
from tests.bodies import NOW, copy, door, wire

PLAIN = Vault([])
TABLE: list[tuple[str, int]] = [
    ("data.attributes.status=completed", 1),
    ("data.attributes.status = completed", 1),
    ("data.attributes.errors_count=1", 1),
    ("data.attributes.errors_count=0", 4),
    ("data.attributes.errors_log", 3),
    ("data.attributes.errors_log.base.0=The payment source is expired", 3),
    ("data.attributes.errors_log.*.*=The payment source is expired", 3),
    ("data.attributes.errors_log.base.1", 0),
    ("data.*.status=placed", 1),
    ("data.attributes", 9),
    ("data.attributes=placed", 0),
    ("included.0.id", 0),
    ("data.nothing=", 0),
]


@pytest.mark.parametrize(("path", "number"), TABLE)
def test_a_path_is_found(record: Store, path: str, number: int) -> None:
    with record.read() as connection:
        found = page_with(connection, LISTINGS["events"], Asked({"path": path}), PLAIN)
    assert (len(found.rows), found.next, found.notice) == (number, None, None)


def test_it_goes_on_where_it_stopped(record: Store) -> None:
    """A page that is full, or whose time is over, gives a cursor; together the pages are everything, once."""
    asked, listing = {"path": "data.attributes"}, LISTINGS["events"]
    with record.read() as connection:
        whole = [row["id"] for row in page_with(connection, listing, Asked(asked), PLAIN).rows]
        for limit, seconds in ((2, 5.0), (100, 0.0)):
            found, after, notices = [], None, set()
            while True:
                part = page_with(connection, listing, Asked(asked, limit=limit, after=after), PLAIN, seconds)
                found += [row["id"] for row in part.rows]
                notices.add(part.notice)
                after = part.next
                if after is None:
                    break
            assert found == whole
            assert ("looked at 1 of 9 events before the time was over; go on with the cursor" in notices) is not seconds


def test_sealed_payloads_are_looked_into(own_record: Store) -> None:
    """With the keys, a payload that is encrypted at rest is found like another."""
    vault = Vault([SecretStr(Fernet.generate_key().decode())])
    plain = door()
    sealing = Door(plain.organization, plain.mode, plain.keys, Router(list(MODULES)), vault)
    body = wire(copy("sealed0001", "failed", metadata={"case": 'a"b'}))
    with own_record.write() as connection:
        keep(connection, [sealing.admit("order_copies.fail", body, "{}", plain.keys["order_copies.fail"][0], NOW)])
    with own_record.read() as connection:
        found = page_with(
            connection, LISTINGS["deliveries"], Asked({"path": 'data.attributes.metadata.case=a"b'}), vault
        )
    assert len(found.rows) == 1


@pytest.mark.parametrize("path", ["", "=x", "a..b", ".".join("a" * 40), "a=\ud800"])
def test_what_is_no_path_is_refused(record: Store, path: str) -> None:
    with record.read() as connection, pytest.raises(BadFilter) as caught:
        page_with(connection, LISTINGS["events"], Asked({"path": path}), PLAIN)
    assert caught.value.parameter == "path"


def test_lists_without_payloads_refuse_it(record: Store) -> None:
    with record.read() as connection, pytest.raises(BadFilter) as caught:
        page_with(connection, LISTINGS["states"], Asked({"path": "data"}), PLAIN)
    assert caught.value.allowed == ("deliveries", "events")
