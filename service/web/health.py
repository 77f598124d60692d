"""Is the process alive, and is the installation ready? For load balancers, monitors and people."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import structlog
from flask import Blueprint, Response, current_app, jsonify
from sqlalchemy.exc import SQLAlchemyError

from service.errors import StoreError, StoreLocked
from service.store import Store, migrate, queries
from service.web.services import Services

log = structlog.get_logger(__name__)
health = Blueprint("health", __name__)

WORKER_SECONDS = 30.0
LOCK_SECONDS = 1.0


@health.get("/healthz")
def healthz() -> Response:
    """Answer 200 while the process can answer at all; a restart would not help with anything else."""
    return jsonify(alive=True)


@health.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Answer 200 where deliveries can be kept, 503 otherwise, and say what else a person should know.

    A worker that is not there does not make it 503: deliveries are safe without one, and a load balancer that
    took the intake away for it would lose them.
    """
    services = Services.of(current_app)
    now = datetime.now(UTC)
    try:
        found, schema = _readiness(services.quick)
    except StoreError as error:
        return jsonify(ready=False, store=str(error)), 503
    except SQLAlchemyError as error:
        # Such as a role that may not read what is read here: a person must look, and deliveries fare no better.
        log.warning("not ready", error=type(error).__name__)
        return jsonify(ready=False, store="cannot be read"), 503
    return jsonify(ready=True, store="writable", schema=schema, **_worker(found, now), **_oldest(found, now)), 200


def _readiness(store: Store) -> tuple[queries.Readiness, str]:
    """Ask in a transaction that writes, and whether somebody migrated the database since this process started.

    Between two tries the other requests have the processor: SQLite's own waiting for a lock would hold up them all.
    """
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            with store.write() as connection:
                queries.check_takes_writes(connection)
                schema = "current" if migrate.revision(connection) == migrate.head() else "another one's"
                return queries.readiness(connection), schema
        except StoreLocked:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _worker(found: queries.Readiness, now: datetime) -> dict[str, Any]:
    if found.worker_seen_at is None:
        return {"worker": "none"}
    age = (now - found.worker_seen_at).total_seconds()
    return {"worker": "seen" if age <= WORKER_SECONDS else "missing", "worker_seen_seconds_ago": round(age, 1)}


def _oldest(found: queries.Readiness, now: datetime) -> dict[str, Any]:
    if found.oldest_since is None:
        return {"follow_ups_open": found.open, "oldest_follow_up": None}
    waits = max(0.0, (now - found.oldest_since).total_seconds())
    return {
        "follow_ups_open": found.open,
        "oldest_follow_up": {"id": found.oldest_id, "waits_seconds": round(waits, 1)},
    }
