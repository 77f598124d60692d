"""V6: kept bytes are those that the log commits to, or an entry says that they were erased."""

from __future__ import annotations

from typing import Any

from service.audit.verification.erasures import Erasures
from service.errors import ConfigurationError
from service.merkle.leaves import commit_to_payload, digest_of_sealed
from service.payloads import unsealed
from service.vault import Vault

# Of a row of `deliveries`.
COLUMNS = ("id", "size", "commitment", "body", "headers", "salt", "data_key")


def problem(row: tuple[Any, ...], sealed: bytes | None, erasures: Erasures, vault: Vault | None) -> str:
    """What is wrong with the bytes of a delivery; empty for nothing.

    Args:
        row: its `COLUMNS`.
        sealed: the digest of the bytes as they were sealed when they came in; None where they were not.
        erasures: what the trail says was erased.
        vault: opens what is sealed; None where only the digest is to be verified.
    """
    id_, _, _, body, headers, salt, data_key = row
    if body is None:
        if not erasures.of_delivery(id_):
            return "its bytes are gone, and no entry says that they were erased"
        left = [name for name, value in (("headers", headers), ("salt", salt), ("data_key", data_key)) if value]
        return f"its bytes were erased, and yet there is a {left[0]}" if left else ""
    if data_key is None:
        return _plain(row, sealed or erasures.sealed_later(id_))
    return _sealed(row, erasures.sealed_later(id_) or sealed, vault)


def _plain(row: tuple[Any, ...], sealed: bytes | None) -> str:
    _, size, commitment, body, headers, salt, _ = row
    if sealed is not None:
        return "data_key is empty, and the trail tells that its bytes were sealed"
    if salt is None or headers is None or commit_to_payload(salt, headers, body) != commitment:
        return "body, headers or salt were changed: they are not what the log commits to"
    return "" if len(body) == size else f"size is {size}, and its body has {len(body)} bytes"


def _sealed(row: tuple[Any, ...], sealed: bytes | None, vault: Vault | None) -> str:
    _, size, commitment, body, headers, salt, data_key = row
    if headers is not None or salt is not None:
        return "its bytes are sealed, and yet headers or salt are there beside them"
    if sealed is None:
        return "its bytes are sealed, and the trail does not tell of it"
    if digest_of_sealed(body) != sealed:
        return "body was changed: its sealed bytes are not what the log commits to"
    return _opened(vault, body, data_key, size, commitment) if vault else ""


def _opened(vault: Vault, body: bytes, data_key: bytes, size: int, commitment: bytes) -> str:
    try:
        payload = unsealed(vault, body, None, None, data_key)
    except (ConfigurationError, ValueError):
        return "data_key does not open its bytes with any of the encryption keys"
    if commit_to_payload(payload.salt, payload.headers, payload.body) != commitment:
        return "what its sealed bytes hold is not what the log commits to"
    return "" if len(payload.body) == size else f"size is {size}, and its body has {len(payload.body)} bytes"
