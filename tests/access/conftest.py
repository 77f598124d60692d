"""A guard on a store of each kind, and tokens to show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from service.access import Caller, Guard, keeping
from service.store import Store

ADDRESS = "192.0.2.1"


@dataclass
class Gate:
    """A guard, its store, and what it counted."""

    store: Store
    counted: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Make the guard."""
        self.guard = Guard(self.store, self._count)

    def _count(self, reason: str) -> None:
        self.counted[reason] += 1

    def make(self, name: str, *scopes: str, life: timedelta | None = None) -> str:
        """A token with a life that began now."""
        now = datetime.now(UTC)
        until = None if life is None else now + life
        with self.store.write() as connection:
            return keeping.create(connection, name, scopes or ("read",), now, expires_at=until, by="operator test")

    def revoke(self, wanted: str) -> None:
        """Revoke a token."""
        with self.store.write() as connection:
            keeping.revoke(connection, wanted, datetime.now(UTC), by="operator test")

    def shows(self, token: str | None, address: str = ADDRESS) -> Caller:
        """Show a token."""
        return self.guard.caller(None if token is None else f"Bearer {token}", address)


@pytest.fixture
def gate(store: Store) -> Iterator[Gate]:
    """The guard of an installation without tokens."""
    made = Gate(store)
    yield made
    made.guard.close()
