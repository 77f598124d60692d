"""What the routes work with: made once a process, handed over by the application."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask

from service.access import Guard
from service.intake import Writer
from service.intake.refusals import Refusals
from service.store import Store
from service.web.api.records import Records
from service.web.doors import Doors

_NAME = "copydesk"


@dataclass(frozen=True)
class Services:
    """What the routes work with; one for each process.

    `quick` is the same store through connections that never wait for a lock inside SQLite, where under gevent the
    whole process would wait with them.
    """

    store: Store
    quick: Store
    doors: Doors
    writer: Writer
    refusals: Refusals
    guard: Guard
    records: Records

    def belong_to(self, app: Flask) -> None:
        """Let the routes of an application find them."""
        app.extensions[_NAME] = self

    @classmethod
    def of(cls, app: Flask) -> Services:
        """Those of an application."""
        services: Services = app.extensions[_NAME]
        return services

    def close(self) -> None:
        """Write what waits and close the database."""
        self.doors.close()
        self.writer.close()
        self.guard.close()
        self.refusals.close()
        self.records.close()
        self.quick.close()
        self.store.close()
