"""Secrets and keys: encrypted at rest, side by side with the settings', refused as a whole where something is wrong."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from handlers import MODULES
from service.errors import ConfigurationError
from service.intake.keys import first_keys, merge, read_keys
from service.router import Router
from service.settings import Settings
from service.signature import Key
from service.store import Store, webhook_secrets
from service.store.schema import webhook_secrets as table
from service.vault import Vault, new_key
from service.web.doors import Doors
from tests.rows import rows
from tests.webhooks.conftest import KEY, OTHER_KEY, until

TOPIC = "order_copies.fail"
ONE, TWO = SecretStr("CANARY" + "1" * 26), SecretStr("CANARY" + "2" * 26)
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def settings(**changes: object) -> Settings:
    """Settings with a key and no secret."""
    return Settings.model_validate({"organization": "xRRkjDFafe", "encryption_keys": KEY} | changes)


def put(store: Store, secret: SecretStr, topic: str = TOPIC, webhook: str = "A", key: str = KEY) -> str:
    """Keep a secret; its fingerprint."""
    fingerprint = Key.from_text(secret.get_secret_value()).fingerprint
    with store.write() as connection:
        ciphertext = Vault([SecretStr(key)]).lock(secret)
        webhook_secrets.store(connection, topic, webhook, ciphertext, fingerprint, datetime.now(UTC))
    return fingerprint


def test_the_first_key_encrypts_and_all_decrypt(store: Store) -> None:
    """With a new key in front everything is still read; re-encrypted, the old key may go."""
    put(store, ONE)
    old, new = SecretStr(KEY), new_key()
    both = Vault([new, old])
    with store.write() as connection:
        assert webhook_secrets.reencrypt(connection, both.relock) == 1
    with store.read() as connection:
        (row,) = webhook_secrets.current(connection)
    assert Vault([new]).unlock(row.ciphertext).get_secret_value() == ONE.get_secret_value()
    with pytest.raises(ConfigurationError, match="none of its keys decrypts"):
        Vault([old]).unlock(row.ciphertext)


def test_settings_and_store_live_side_by_side(store: Store) -> None:
    """Both secrets of a topic are good, one that is in both places is one key, and nothing is in plain text."""
    put(store, ONE)
    found = settings(webhook_secrets={TOPIC: [TWO, ONE], "orders.place": SecretStr("CANARY" + "3" * 26)})
    with store.read() as connection:
        keys = first_keys(connection, found, NOW)
    assert {topic: len(of) for topic, of in keys.by_topic.items()} == {TOPIC: 2, "orders.place": 1}
    kept = repr(rows(store, table)) + repr(keys) + repr(found)
    assert "CANARY" not in kept


def test_a_retired_secret_is_good_for_a_day(store: Store) -> None:
    """What was signed before its webhook was deleted is still let in, and then no more."""
    put(store, ONE)
    with store.write() as connection:
        webhook_secrets.retire(connection, "A", NOW)
    with store.read() as connection:
        assert read_keys(connection, settings(), NOW + timedelta(hours=23)).by_topic
        assert not read_keys(connection, settings(), NOW + timedelta(hours=25)).by_topic


@pytest.mark.parametrize(
    ("configured", "stored", "told"),
    [
        ({"orders.place": [ONE]}, [(TOPIC, ONE)], "share a secret"),
        ({}, [(TOPIC, SecretStr("short"))], "shorter than"),
        ({}, [(TOPIC, SecretStr(" " + "x" * 32))], "blanks"),
    ],
)
def test_an_unsound_set_is_refused(
    configured: dict[str, list[SecretStr]], stored: list[tuple[str, SecretStr]], told: str
) -> None:
    """Two topics with one secret, or what is no secret: refused in one line that names none."""
    with pytest.raises(ConfigurationError, match=told) as caught:
        merge(configured, stored)
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize(("keys", "told"), [("", "is not set"), (OTHER_KEY, "none of its keys decrypts")])
def test_without_the_right_key_there_is_no_start(store: Store, keys: str, told: str) -> None:
    """One line, which names the setting."""
    put(store, ONE)
    with store.read() as connection, pytest.raises(ConfigurationError, match=told) as caught:
        first_keys(connection, settings(encryption_keys=keys), NOW)
    assert len(caught.value.mistakes) == 1


def test_nobody_to_let_in_is_no_start(store: Store) -> None:
    """Neither the settings nor the store have a secret."""
    with store.read() as connection, pytest.raises(ConfigurationError, match="WEBHOOK_SECRETS"):
        first_keys(connection, settings(), NOW)


def test_doors_change_as_a_whole_and_a_bad_set_changes_nothing(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """A new secret is let in with the next look; one that cannot be decrypted leaves the old door, and is said once."""
    first = put(store, ONE)
    doors = Doors(store, settings(), Router(MODULES), every=0.05)
    try:
        before = doors.door
        second = put(store, TWO, webhook="B")
        until(lambda: doors.door is not before, 5)
        assert {key.fingerprint for key in doors.door.keys[TOPIC]} == {first, second}
        held = doors.door
        put(store, SecretStr("CANARY" + "4" * 26), webhook="C", key=OTHER_KEY)
        time.sleep(0.3)
        assert doors.door is held
    finally:
        doors.close()


def test_the_first_delivery_marks_a_key_seen_and_the_others_write_nothing(store: Store) -> None:
    """Requests only look into a set, which is empty from then on."""
    first = put(store, ONE)
    doors = Doors(store, settings(), Router(MODULES), every=0.05)
    try:
        assert doors.unseen == {first}
        doors.saw(first)
        until(lambda: rows(store, table)[0]["seen_at"], 5)
        assert doors.unseen == frozenset()
        seen = rows(store, table)[0]["seen_at"]
        doors.saw(first)
        doors.look()
        assert rows(store, table)[0]["seen_at"] == seen
    finally:
        doors.close()
