"""What a value must be before anything relies on it: topics, webhook secrets, encryption keys, addresses. Pure."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from pydantic import SecretStr

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
TOPIC_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,62}\.[a-z][a-z0-9_]{0,62}")
_TOPICS_PATTERN = re.compile(rf"({TOPIC_PATTERN.pattern}|[a-z][a-z0-9_]{{0,62}}\.\*)")
# A secret of the provider has 32 hexadecimal characters; 24 leaves room for others and none for a typo.
SHORTEST_SECRET = 24
# 16 to sign with and 16 to encrypt with: https://cryptography.io/en/latest/fernet/
_KEY_BYTES = 32


def secrets_by_topic(value: object) -> object:
    """Read `{"topic": "secret" | ["secret", …]}`, given as JSON text or as a mapping, into lists."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise ValueError('must be JSON such as {"order_copies.fail": "the webhook\'s secret"}') from error
    if not isinstance(value, Mapping):
        raise ValueError("must be an object from topic to secret or to a list of secrets")  # noqa: TRY004 - pydantic's
    return {topic: [secrets] if isinstance(secrets, str | SecretStr) else secrets for topic, secrets in value.items()}


def listed(value: object) -> object:
    """Read words that commas or lines separate."""
    return tuple(word for word in re.split(r"[\s,]+", value) if word) if isinstance(value, str) else value


def database_address(url: str) -> str:
    """Spell the URL of a database as SQLAlchemy does; refuse one of another kind."""
    if url.startswith("sqlite:///") and len(url) > len("sqlite:///"):
        return url
    for scheme in ("postgresql+psycopg://", "postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    raise ValueError("must begin with sqlite:/// and a file, or with postgresql://")


def check_topics(topics: tuple[str, ...]) -> None:
    """Refuse what is neither a topic nor a whole resource, such as `orders.*`."""
    for topic in topics:
        if not _TOPICS_PATTERN.fullmatch(topic):
            raise ValueError(f"{topic!r} is not a topic; topics look like order_copies.fail or orders.*")


def check_secrets(by_topic: Mapping[str, Sequence[SecretStr]]) -> None:
    """Refuse a set of secrets, with every mistake in it on a line of its own."""
    owner: dict[str, str] = {}
    mistakes = []
    for topic, secrets in by_topic.items():
        if not TOPIC_PATTERN.fullmatch(topic):
            # Shown only where it cannot be a secret that changed places with its topic.
            shown = repr(topic) if re.fullmatch(r"[A-Za-z_.*-]{1,64}", topic) else "a name in it"
            mistakes.append(f"{shown} is not a topic; topics look like order_copies.fail")
            continue
        if not secrets:
            mistakes.append(f"{topic} has no secret")
        for secret in secrets:
            try:
                check_secret(topic, secret.get_secret_value(), owner)
            except ValueError as error:
                mistakes.append(str(error))
    if mistakes:
        raise ValueError("\n".join(mistakes))


def check_secret(topic: str, secret: str, owner: dict[str, str]) -> None:
    """Refuse a secret that would let in what it should not; the message does not repeat it.

    An empty one verifies happily, HMAC ignores trailing NULs, and a secret shared by two topics lets a captured
    body be posted under the other topic, because the topic is not signed.

    Args:
        topic: the topic it is of.
        secret: the secret.
        owner: the secrets seen so far and their topics; this one is added.
    """
    if secret != secret.strip() or "\0" in secret or not secret.isascii():
        raise ValueError(f"the secret of {topic} has blanks around it or characters that no secret has")
    if len(secret) < SHORTEST_SECRET:
        raise ValueError(f"the secret of {topic} is shorter than {SHORTEST_SECRET} characters")
    if owner.setdefault(secret, topic) != topic:
        raise ValueError(f"{topic} and {owner[secret]} share a secret; every webhook has one of its own")


def check_encryption_key(number: int, key: str) -> None:
    """Refuse what cannot encrypt; the message names the key by its number only."""
    try:
        sound = len(base64.b64decode(key, altchars=b"-_", validate=True)) == _KEY_BYTES
    except ValueError:
        sound = False
    if not sound:
        raise ValueError(f"key {number} is not one that `copydesk keys generate` makes")


def check_own_address(url: str) -> None:
    """Refuse an address that could not be followed by `/webhooks/TOPIC`."""
    parts = urlsplit(url)
    if "/webhooks" in parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must be the address of the web process alone, such as https://copydesk.example.com")


def is_https(url: str) -> bool:
    """Tell whether `url` is an https address with a host."""
    parts = urlsplit(url)
    return parts.scheme == "https" and bool(parts.hostname)


def is_loopback(url: str) -> bool:
    """Tell whether `url` is an http address of this machine, as the sandbox's are."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and parts.hostname in LOOPBACK_HOSTS
