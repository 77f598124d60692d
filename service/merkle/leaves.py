"""What of an audit entry is a leaf of the log, byte for byte. Pure.

A leaf says what was done and when, never to whom: whatever could name a person or lead to one (the subject, the
actor's name, the detail, a body) is in it only as a commitment, SHA-256 over a random salt and the text. While the
salt is kept, anybody can check the commitment; once the salt is erased, it says nothing about what it was made of.
The writer and the verifier share this module and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any

# The first byte of every leaf: another layout is another number.
VERSION = b"\x01"
SALT_BYTES = 32
COMMIT = b"commit/1"
_SEALED = b"sealed/1"
# https://www.rfc-editor.org/rfc/rfc6962#section-2.1
LEAF_PREFIX = b"\x00"

# As `json.dumps` with its defaults: ASCII, with a blank after each comma, which every language can write.
_quoted = json.encoder.encode_basestring_ascii
_word = lru_cache(maxsize=512)(_quoted)


def actor_class(actor: str) -> str:
    """Who did it, without a name: `operator` of `operator jane`; `intake` and `worker` as they are."""
    return actor.partition(" ")[0]


def commit_to_entry(salt: bytes, actor: str, subject: str, detail: str) -> bytes:
    """The commitment to the part of an entry that may be erased, 32 bytes; `detail` is its JSON text as kept."""
    told = f"[{_quoted(actor)}, {_quoted(subject)}, {_quoted(detail)}]"
    return sha256(COMMIT + salt + told.encode("ascii")).digest()


def commit_to_payload(salt: bytes, headers: str, body: bytes) -> bytes:
    """The commitment to a delivery as it came in, 32 bytes."""
    told = headers.encode("utf-8", "surrogatepass")
    return sha256(COMMIT + salt + len(told).to_bytes(8, "big") + told + body).digest()


def digest_of_sealed(blob: bytes) -> bytes:
    """The digest of an encrypted payload, 32 bytes; whoever has no key checks this one."""
    return sha256(_SEALED + blob).digest()


def leaf(at: str, entry: Mapping[str, Any]) -> bytes:
    """The bytes of a leaf: the version, then a flat JSON object with sorted names and without what is None.

    Args:
        at: when, UTC, ISO 8601 with microseconds and `Z`.
        entry: `action`; `actor`, of which the class alone is told; `commitment` to what may be erased; `event_id` and
            `follow_up_id`, our own numbers; `payload` and `sealed`, of the delivery that it tells of.
    """
    commitment, event_id, follow_up_id = entry["commitment"], entry["event_id"], entry["follow_up_id"]
    payload, sealed = entry["payload"], entry["sealed"]
    parts = [f'"action": {_word(entry["action"])}, "at": "{at}", "by": {_word(actor_class(entry["actor"]))}']
    parts.append(f'"commit": "{commitment.hex()}"')
    if event_id is not None:
        parts.append(f'"event": {event_id}')
    if follow_up_id is not None:
        parts.append(f'"follow_up": {follow_up_id}')
    if payload is not None:
        parts.append(f'"payload": "{payload.hex()}"')
    if sealed is not None:
        parts.append(f'"sealed": "{sealed.hex()}"')
    return VERSION + f"{{{', '.join(parts)}}}".encode("ascii")


def leaf_hash(leaf_bytes: bytes) -> bytes:
    """The hash of a leaf, 32 bytes: https://www.rfc-editor.org/rfc/rfc6962#section-2.1."""
    return sha256(LEAF_PREFIX + leaf_bytes).digest()
