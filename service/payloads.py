"""How the bytes of a delivery are kept: as they came, or sealed under a key of their own.

With encryption keys in the settings, each payload has a random data key, which is kept wrapped by the first of them:
whoever has the database alone reads nothing, and a payload whose data key is deleted is gone from every copy that is
made from then on. The body is sealed with AES-256-GCM: https://cryptography.io/en/latest/hazmat/primitives/aead/
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from service.errors import ConfigurationError
from service.merkle.leaves import SALT_BYTES, commit_to_payload, digest_of_sealed
from service.vault import Vault

_KEY_BITS = 256
_NONCE_BYTES = 12
_LENGTH_BYTES = 4


@dataclass(frozen=True, slots=True)
class Payload:
    """What came over the wire, and the salt under which the audit log commits to it."""

    body: bytes = field(repr=False)
    headers: str = field(repr=False)
    salt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """A payload as its row holds it.

    Attributes:
        body: the bytes as they came; sealed, together with headers and salt, where there is a data key; None where
            they must not be kept.
        headers: a JSON object; None where sealed, or not kept.
        salt: 32 bytes; likewise.
        data_key: the key of the sealed bytes, wrapped by an encryption key; None where they are not sealed.
        size: of the body as it came, in bytes.
        commitment: of the payload as it came; it is in the audit log.
        sealed: digest of the sealed bytes; it is in the audit log; None where they are not sealed.
    """

    body: bytes | None = field(repr=False)
    headers: str | None = field(repr=False)
    salt: bytes | None = field(repr=False)
    data_key: bytes | None = field(repr=False)
    size: int
    commitment: bytes
    sealed: bytes | None = None


def kept(vault: Vault, body: bytes, headers: str) -> Kept:
    """Prepare a payload for its row: sealed where the vault has a key."""
    salt = os.urandom(SALT_BYTES)
    plain = Kept(body, headers, salt, None, len(body), commit_to_payload(salt, headers, body))
    return seal(vault, plain) if vault.has_keys else plain


def seal(vault: Vault, plain: Kept) -> Kept:
    """Seal a payload that is kept as it came.

    Raises:
        ConfigurationError: there is no encryption key.
    """
    told = (plain.headers or "").encode("utf-8", "surrogatepass")
    packed = (plain.salt or b"") + len(told).to_bytes(_LENGTH_BYTES, "big") + told + (plain.body or b"")
    key, nonce = AESGCM.generate_key(_KEY_BITS), os.urandom(_NONCE_BYTES)
    blob = nonce + AESGCM(key).encrypt(nonce, packed, None)
    return Kept(blob, None, None, vault.wrap(key), plain.size, plain.commitment, digest_of_sealed(blob))


def forgotten(told: Kept) -> Kept:
    """The same without anything that could be read, or by which the commitment could be checked."""
    return replace(told, body=None, headers=None, salt=None, data_key=None, sealed=None)


def unsealed(vault: Vault, body: bytes, headers: str | None, salt: bytes | None, data_key: bytes | None) -> Payload:
    """Read a payload from the columns of its row.

    Raises:
        ConfigurationError: it is sealed, and none of the keys of the settings opens it.
    """
    if data_key is None:
        return Payload(body, headers or "{}", salt or b"")
    key = vault.unwrap(data_key)
    try:
        packed = AESGCM(key).decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], None)
    except InvalidTag:
        raise ConfigurationError(["a kept body does not fit its data key: run copydesk audit verify"]) from None
    start = SALT_BYTES + _LENGTH_BYTES
    end = start + int.from_bytes(packed[SALT_BYTES:start], "big")
    return Payload(packed[end:], packed[start:end].decode("utf-8", "surrogatepass"), packed[:SALT_BYTES])
