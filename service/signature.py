"""Commerce Layer's webhook signature: base64 of HMAC-SHA256 over the raw body, under the webhook's shared secret.

The secret is used as the text it is, not decoded from hexadecimal, and the header is always the 44 characters of
standard, padded base64. Source: https://docs.commercelayer.io/core/callbacks-security

Only the body is signed: neither topic, nor path, nor time. So a key belongs to one topic, and which topic a body
may speak for is decided by the key that verifies it.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import constant_time
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

LENGTH = 44


@dataclass(frozen=True, slots=True)
class Key:
    """One shared secret of a webhook, and the name it has in records.

    Attributes:
        secret: the shared secret as ASCII bytes.
        fingerprint: 12 hexadecimal characters that identify the secret and do not reveal it.
    """

    secret: bytes = field(repr=False)
    fingerprint: str = ""

    @classmethod
    def from_text(cls, secret: str) -> Key:
        """Make the key of a shared secret."""
        raw = secret.encode("ascii")
        return cls(raw, hashlib.sha256(b"copydesk key fingerprint\n" + raw).hexdigest()[:12])


def sign(secret: bytes, body: bytes) -> bytes:
    """Sign `body` as Commerce Layer does; 44 ASCII bytes."""
    code = HMAC(secret, SHA256())
    code.update(body)
    return b64encode(code.finalize())


def verify(keys: Sequence[Key], body: bytes, signature: bytes) -> Key | None:
    """Find the key that made `signature` over `body`.

    Every key is tried, whichever matches, and the comparison is of the canonical spelling, in constant time:
    base64 has several spellings of one value, and a prefix must not pass for the whole.

    Args:
        keys: the live keys of one topic.
        body: the exact bytes received.
        signature: the header's value as bytes; any length, any characters.

    Returns:
        The matching key, or None.
    """
    found = None
    for key in keys:
        if constant_time.bytes_eq(sign(key.secret, body), signature):
            found = key
    return found
