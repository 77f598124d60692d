"""Reading a request's body: bounded, whole, and never longer than we are willing to wait.

Flask's own reading cuts a chunked body at the limit without a word and hands over a short body as complete, so the
bytes are read here. Nothing is inflated and no form is parsed: the signature is over the bytes as sent.
"""

from __future__ import annotations

from typing import Any

import gevent
from gevent.lock import BoundedSemaphore

from service.errors import RequestRefused

_CHUNK = 65_536
# Nobody has shown a key yet while a body is read. Bodies of this provider's size are read side by side; longer ones
# take turns, or a thousand connections could fill the memory with bytes that no signature fits.
_SHORT = 65_536
_LONG_ONES = 8
_turns = BoundedSemaphore(_LONG_ONES)


def declared_length(environ: dict[str, Any], limit: int) -> int | None:
    """Read the declared length, before a byte of the body is.

    Returns:
        Bytes, or None for a chunked body.

    Raises:
        RequestRefused: 413 over the limit, 400 where it is not a number.
    """
    declared = environ.get("CONTENT_LENGTH") or ""
    if not declared:
        return None if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower() else 0
    if not (declared.isascii() and declared.isdigit()):
        raise RequestRefused(400, "malformed length")
    if len(declared) > len(str(limit)) or int(declared) > limit:
        raise RequestRefused(413, "too large")
    return int(declared)


def read(environ: dict[str, Any], limit: int, *, seconds: float) -> bytes:
    """Read the whole body.

    Args:
        environ: the WSGI environment.
        limit: bytes; one more is refused.
        seconds: how long all of it may take.

    Raises:
        RequestRefused: 413 over the limit; 400 where the body is short, slow, or its framing is broken; 503 where
            too many long ones are read at this moment.
    """
    declared = declared_length(environ, limit)
    stream = environ["wsgi.input"]
    wanted = limit + 1 if declared is None else declared
    body = bytearray()
    try:
        # A timer of the event loop: the only deadline that also holds while a client sends byte by byte.
        with gevent.Timeout(seconds):
            _fill(body, stream, min(wanted, _SHORT))
            if len(body) == _SHORT < wanted:
                _fill_in_turn(body, stream, wanted, seconds / 2)
    except RequestRefused:
        raise
    except gevent.Timeout:
        raise RequestRefused(400, "slow body") from None
    except Exception:  # noqa: BLE001 - the server's parser has many words for broken framing; all are the sender's
        raise RequestRefused(400, "broken body") from None
    if declared is None and len(body) > limit:
        raise RequestRefused(413, "too large")
    if declared is not None and len(body) < declared:
        raise RequestRefused(400, "short body")
    return bytes(body)


def _fill_in_turn(body: bytearray, stream: Any, length: int, seconds: float) -> None:
    if not _turns.acquire(timeout=seconds):
        raise RequestRefused(503, "too many long bodies")
    try:
        _fill(body, stream, length)
    finally:
        _turns.release()


def _fill(body: bytearray, stream: Any, length: int) -> None:
    """Read until the body has a length, or ends before it."""
    while len(body) < length and (part := stream.read(min(length - len(body), _CHUNK))):
        body += part
