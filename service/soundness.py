"""What a value must be before anything relies on it: topics, webhook secrets, encryption keys, addresses. Pure."""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
TOPIC_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,62}\.[a-z][a-z0-9_]{0,62}")
_TOPICS_PATTERN = re.compile(rf"({TOPIC_PATTERN.pattern}|[a-z][a-z0-9_]{{0,62}}\.\*)")
# A secret of the provider has 32 hexadecimal characters; 24 leaves room for others and none for a typo.
SHORTEST_SECRET = 24
# 16 to sign with and 16 to encrypt with: https://cryptography.io/en/latest/fernet/
_KEY_BYTES = 32
_HIGHEST_PORT = 65_535
_HOST_AND_PORT = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)):(?P<port>[0-9]{1,5})"
)
# Constant: what is wrong with such a URL may be its password.
_NO_DATABASE = (
    "must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE, with other characters than letters and digits"
    " of the password as %XX"
)


def secrets_by_topic(value: object) -> object:
    """Read `{"topic": "secret" | ["secret", …]}`, given as JSON text or as a mapping, into lists."""
    if isinstance(value, str):
        value = _json_without_repetition(value)
    if not isinstance(value, Mapping):
        raise ValueError("must be an object from topic to secret or to a list of secrets")  # noqa: TRY004 - pydantic's
    by_topic = {topic: [one] if isinstance(one, str | SecretStr) else one for topic, one in value.items()}
    for secrets in by_topic.values():
        if not isinstance(secrets, list | tuple) or not all(isinstance(one, str | SecretStr) for one in secrets):
            raise ValueError("must have a secret, or a list of secrets, for each topic: all of them texts")
    return by_topic


def _json_without_repetition(text: str) -> object:
    """Read JSON in which no name is written twice: of two values the reader would drop the first in silence."""
    repeated: list[str] = []

    def read(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names = Counter(name for name, _ in pairs)
        repeated.extend(_shown(name) for name, count in names.items() if count > 1)
        return dict(pairs)

    try:
        value: object = json.loads(text, object_pairs_hook=read)
    except ValueError as error:
        raise ValueError('must be JSON such as {"order_copies.fail": "the webhook\'s secret"}') from error
    if repeated:
        raise ValueError("\n".join(f"{name} is written twice; give a topic its secrets as a list" for name in repeated))
    return value


def _shown(name: str) -> str:
    """A name for a message, unless it may be a secret that changed places with its topic."""
    return repr(name) if re.fullmatch(r"[A-Za-z_.*-]{1,64}", name) else "a name in it"


def listed(value: object) -> object:
    """Read words that commas or lines separate."""
    return tuple(word for word in re.split(r"[\s,]+", value) if word) if isinstance(value, str) else value


def database_address(url: str) -> str:
    """Spell the URL of a database as SQLAlchemy does; refuse one that names no file and no server.

    The message never repeats any of it.
    """
    for scheme in ("postgresql+psycopg://", "postgresql://", "postgres://"):
        if url.startswith(scheme):
            url = "postgresql+psycopg://" + url.removeprefix(scheme)
            break
    try:
        read = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(_NO_DATABASE) from None
    database = read.database or ""
    if read.drivername == "sqlite" and url.startswith("sqlite:///"):
        sound = bool(database) and not database.startswith((":memory:", "file:")) and "uri" not in read.query
    else:
        # A host with an @ is the rest of a password that holds one itself.
        reachable = "@" not in (read.host or "") and 0 < (read.port or 1) <= _HIGHEST_PORT
        sound = read.drivername == "postgresql+psycopg" and bool(database) and reachable
    if not sound:
        raise ValueError(_NO_DATABASE)
    return url


def check_bind(bind: str) -> None:
    """Refuse what nobody can listen on."""
    if bind.removeprefix("unix:") not in ("", bind):
        return
    if (
        (read := _HOST_AND_PORT.fullmatch(bind)) is None
        or int(read["port"]) > _HIGHEST_PORT
        or not _is_six(read["six"])
    ):
        raise ValueError("must be HOST:PORT such as 127.0.0.1:8080 or [::1]:8080, or unix:PATH")


def _is_six(address: str | None) -> bool:
    try:
        return address is None or bool(ipaddress.IPv6Address(address))
    except ValueError:
        return False


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
            mistakes.append(f"{_shown(topic)} is not a topic; topics look like order_copies.fail")
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


def check_audit_keys(secrets: Sequence[str]) -> None:
    """Refuse what is no key of the audit log, or one key twice; the message names a key by its place only."""
    from service.errors import NoteMalformed  # noqa: PLC0415 - with the next one
    from service.merkle.notes import Signer  # noqa: PLC0415 - most commands have nothing to sign

    for number, secret in enumerate(secrets, 1):
        try:
            Signer.from_secret(secret)
        except NoteMalformed:
            raise ValueError(f"key {number} is not one that `copydesk audit keygen` makes") from None
    if len(set(secrets)) < len(secrets):
        raise ValueError("has a key twice")


def check_checkpoints_file(file: str, database: str) -> None:
    """Refuse a file for published heads that a restored copy of the database's directory would take back too."""
    read = make_url(database)
    path = Path(file).absolute()
    if not path.name or path.is_dir():
        raise ValueError("must name a file")
    if read.drivername == "sqlite":
        directory = Path(read.database or "").absolute().resolve().parent
        if path.resolve().is_relative_to(directory):
            raise ValueError(f"must be outside of {directory}, where the database is: they would be lost together")


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
