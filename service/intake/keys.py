"""Which secrets are good for which topic: those of the settings and those of the store, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from pydantic import SecretStr

from service.errors import ConfigurationError
from service.settings import Settings
from service.signature import Key
from service.soundness import check_secret
from service.store import webhook_secrets
from service.vault import Vault

# Every web process takes over a changed secret this long after it was stored, at the latest; nobody should sign with
# it before.
PICKED_UP = timedelta(seconds=10)

Keys = Mapping[str, tuple[Key, ...]]


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of every topic at one moment.

    Attributes:
        by_topic: the live keys of each topic.
        unseen: fingerprints of secrets in the store under which nothing has come yet.
        version: what the store's secrets were when this was read.
    """

    by_topic: Keys
    unseen: frozenset[str] = frozenset()
    version: tuple[tuple[int, bool], ...] = field(default=(), repr=False)


def merge(configured: Mapping[str, Sequence[SecretStr]], stored: Iterable[tuple[str, SecretStr]]) -> Keys:
    """Put the secrets of the settings and of the store together, each once. Pure.

    Raises:
        ConfigurationError: two topics share a secret, or one of the store's is none.
    """
    owner: dict[str, str] = {}
    by_topic: dict[str, dict[str, Key]] = {}
    given = [(topic, secret) for topic, secrets in configured.items() for secret in secrets]
    for topic, secret in (*given, *stored):
        try:
            check_secret(topic, secret.get_secret_value(), owner)
        except ValueError as error:
            raise ConfigurationError([f"webhook secrets: {error}"]) from None
        key = Key.from_text(secret.get_secret_value())
        by_topic.setdefault(topic, {})[key.fingerprint] = key
    return {topic: tuple(keys.values()) for topic, keys in by_topic.items()}


def read_keys(connection: sa.Connection, settings: Settings, now: datetime) -> KeySet:
    """Read what is accepted now.

    Raises:
        ConfigurationError: the secrets in the store cannot be decrypted, or the set is not sound.
    """
    rows = webhook_secrets.accepted(connection, now)
    vault = Vault(settings.encryption_keys)
    by_topic = merge(settings.webhook_secrets, [(row.topic, vault.unlock(row.ciphertext)) for row in rows])
    unseen = frozenset(row.fingerprint for row in rows if row.seen_at is None)
    return KeySet(by_topic, unseen, tuple((row.id, row.seen_at is not None) for row in rows))


def first_keys(connection: sa.Connection, settings: Settings, now: datetime) -> KeySet:
    """Read what a web process begins with.

    Raises:
        ConfigurationError: as `read_keys`; also where nobody could ever be let in.
    """
    found = read_keys(connection, settings, now)
    if not found.by_topic:
        told = "is not set, and the store has no secret; set it, or let `copydesk webhooks apply` make webhooks"
        raise ConfigurationError([f"COPYDESK_WEBHOOK_SECRETS: {told}"])
    return found
