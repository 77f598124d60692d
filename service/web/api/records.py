"""What the API works with, and how many may ask at once: the intake has the process's first word."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa
from gevent.lock import BoundedSemaphore

from service.errors import StoreError, StoreUnavailable
from service.settings import Settings
from service.store import Store
from service.store.beside import reader
from service.vault import Vault
from service.web.api.problems import Problem

# How long one answer may ask the database, how many may do so at once, and how long others wait for their turn.
QUERY_SECONDS = 2.0
AT_ONCE = 3
PATIENCE = 2.0
_RETRY_AFTER = 5


def _turns() -> BoundedSemaphore:
    return BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True)
class Records:
    """The store as the API reads it; one for each process.

    Attributes:
        store: through connections whose statements run beside the loop, and end.
        public_url: what links begin with; empty where the request says it.
        shown: keys of metadata whose values need no mask.
    """

    store: Store
    vault: Vault
    public_url: str
    shown: frozenset[str]
    turns: BoundedSemaphore = field(default_factory=_turns)

    @classmethod
    def of(cls, settings: Settings, store: Store) -> Records:
        """For an installation."""
        vault, public_url = Vault(settings.encryption_keys), settings.public_url.rstrip("/")
        return cls(reader(store, QUERY_SECONDS), vault, public_url, frozenset(settings.shown_metadata))

    @contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """Look at the store, when it is this request's turn.

        Raises:
            Problem: 503, too many ask, it took too long, or the store cannot be read.
        """
        if not self.turns.acquire(timeout=PATIENCE):
            raise _busy("Too many ask at this moment")
        try:
            with self.store.read() as connection:
                yield connection
        except StoreUnavailable as error:
            told = "It takes too long; filters make it less" if _took_too_long(error) else "The store is busy"
            raise _busy(told) from error
        except StoreError as error:
            raise _busy("The store cannot be read") from error
        finally:
            self.turns.release()

    def close(self) -> None:
        """Close the connections."""
        self.store.close()


def _busy(told: str) -> Problem:
    return Problem("SERVICE_UNAVAILABLE", f"{told}.", retry_after=_RETRY_AFTER)


def _took_too_long(error: StoreUnavailable) -> bool:
    return "interrupted" in str(error) or "statement timeout" in str(error)
