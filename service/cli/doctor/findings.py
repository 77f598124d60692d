"""What a check has to say, and what it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from service.errors import ConfigurationError
from service.settings import Settings
from service.store import Store

_SHOWN = 4
Status = Literal["ok", "warn", "FAIL"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: how it stands, and the way to mend it where it stands badly."""

    status: Status
    told: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class Patient:
    """One installation under examination.

    Attributes:
        settings: None where they are wrong.
        mistakes: what is wrong with them.
        store: None where the database cannot be opened.
        trouble: why.
        now: the time of the examination.
    """

    settings: Settings | None
    mistakes: ConfigurationError | None = None
    store: Store | None = None
    trouble: str | None = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def url(self) -> str:
        """The database's URL."""
        return self.sound.database_url.get_secret_value()

    @property
    def sound(self) -> Settings:
        """The settings, for checks that run only where they are right."""
        if self.settings is None:
            raise LookupError("the settings are wrong")
        return self.settings

    @property
    def open(self) -> Store:
        """The store, for checks that run only where it is open."""
        if self.store is None:
            raise LookupError("the database is not open")
        return self.store


@dataclass(frozen=True, slots=True)
class Check:
    """A named check and what it needs to be run at all."""

    name: str
    run: Callable[[Patient], list[Finding]]
    needs: Literal["nothing", "settings", "store", "network"] = "settings"


def ok(told: str) -> list[Finding]:
    """All is well."""
    return [Finding("ok", told)]


def warn(told: str, fix: str) -> list[Finding]:
    """It works, and somebody should look."""
    return [Finding("warn", told, fix)]


def fail(told: str, fix: str) -> list[Finding]:
    """It does not work."""
    return [Finding("FAIL", told, fix)]


def some(names: list[str]) -> str:
    """A few of many names."""
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
