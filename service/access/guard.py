"""The guard of the API: from an Authorization header and an address to a caller, or to a refusal."""

from __future__ import annotations

import hmac
import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from service.access.caller import Caller
from service.access.failures import Failures
from service.access.tokens import digest, implied, token_of
from service.access.uses import Uses
from service.errors import AccessRefused, StoreError
from service.store import Store, api_tokens

log = structlog.get_logger(__name__)

# How old what is known of good tokens may be where an address has failed too often, and how often a hint is logged.
KNOWN_SECONDS = 5.0
HINT_SECONDS = 3600.0
_BUSY_SECONDS = 5
_NOT_LET_IN = "send a token that is good: Authorization: Bearer TOKEN"


class Guard:
    """Lets holders of tokens in. Make one in each process, after the fork.

    A token is looked up with every request, so that a revoked one opens nothing from that moment on. An address that
    failed too often costs no look at the database: it gets 429, unless its token is one that is known to be good,
    since behind a proxy all the world has one address.
    """

    def __init__(self, store: Store, count: Callable[[str], None], failures: Failures | None = None) -> None:
        """Begin without a memory.

        Args:
            store: through connections that do not wait for locks.
            count: counts a refusal, by why.
            failures: the limit; None for the default.
        """
        self._store, self._count = store, count
        self._failures = failures or Failures()
        self._known: frozenset[bytes] | None = None
        self._known_at = -math.inf
        self._hinted_at = -math.inf
        self._lock = threading.Lock()
        self.uses = Uses(store)

    def caller(self, header: str | None, address: str) -> Caller:
        """Tell who asks.

        Args:
            header: the Authorization header as WSGI has it, None where there is none.
            address: where the request came from, as the server says.

        Raises:
            AccessRefused: 401, 429 with the seconds to wait, or 503 where tokens cannot be read.
        """
        if not header:
            raise self._refuse("no token")
        token = token_of(header)
        self._check_failures(address, digest(token) if token else b"")
        if token is None:
            raise self._refuse("malformed token", address)
        return self._holder(digest(token), address)

    def close(self) -> None:
        """Write what waits."""
        self.uses.close()

    def _holder(self, hashed: bytes, address: str) -> Caller:
        now = datetime.now(UTC)
        try:
            with self._store.read() as connection:
                row = api_tokens.by_hash(connection, hashed)
        except StoreError as error:
            log.warning("tokens not read", error=str(error))
            raise AccessRefused(503, "Busy", "the database cannot be read just now", _BUSY_SECONDS) from error
        # The index found it by what an adversary cannot choose, a digest; this does not tell how much of it was right.
        if row is None or not hmac.compare_digest(bytes(row.hash), hashed):
            raise self._refuse("unknown token", address)
        if not row.is_good(now):
            raise self._refuse("revoked token" if row.revoked_at else "expired token", address)
        self.uses.note(row.id, now)
        return Caller(row.name, implied(row.scopes.split()))

    def _refuse(self, reason: str, address: str | None = None) -> AccessRefused:
        """Count a refusal, and a failure of the address where there is one; the answer is the same for all."""
        self._count(reason)
        if address is not None:
            self._failures.add(address, time.monotonic())
        self._hint()
        return AccessRefused(401, "Unauthorized", _NOT_LET_IN)

    def _check_failures(self, address: str, hashed: bytes) -> None:
        wait = self._failures.wait(address, time.monotonic())
        if not wait or hashed in (self._good_hashes() or ()):
            return
        self._count("too many failures")
        raise AccessRefused(429, "Too many requests", "too many bad tokens from this address", math.ceil(wait))

    def _good_hashes(self) -> frozenset[bytes] | None:
        """The digests of good tokens, read at most once in a few seconds, however many ask; None if they never were."""
        with self._lock:
            now = time.monotonic()
            if now - self._known_at >= KNOWN_SECONDS:
                self._known_at = now
                try:
                    with self._store.read() as connection:
                        self._known = api_tokens.good_hashes(connection, datetime.now(UTC))
                except StoreError as error:
                    log.warning("tokens not read", error=str(error))
            return self._known

    def _hint(self) -> None:
        """Say once in a while how to make the first token; whether there is one is asked as often."""
        if time.monotonic() - self._hinted_at < HINT_SECONDS:
            return
        self._hinted_at = time.monotonic()
        if self._good_hashes() == frozenset():
            log.warning("no token lets anybody in", mend="copydesk tokens create NAME --scope read")
