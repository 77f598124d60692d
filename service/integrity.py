"""SQLite's quick look for damage, by the worker: when it starts and every hour, never on the way of a delivery.

A page that went bad is found here before somebody needs it; bytes that changed inside of a value are found by
`copydesk audit verify` alone. https://sqlite.org/pragma.html#pragma_quick_check
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import sqlalchemy as sa
import structlog

from service.engine import Engine
from service.errors import StoreError
from service.incidents import Occurrence
from service.store import Store, incidents
from service.text import line

log = structlog.get_logger(__name__)

HOURLY = "0 50 * * * *"
ACTOR = "worker"
_KIND, _SUBJECT, _CAUSE = "integrity", "copydesk/database", "the database file is damaged"


def schedule(engine: Engine, store: Store) -> threading.Thread | None:
    """Have the file looked at now, in a thread of its own, and every hour; call it before the engine runs.

    Returns:
        The thread, which is started; None where there is no file.
    """
    # Every worker of an installation must want the same schedules, or one would delete another's.
    engine.schedule("integrity", HOURLY, lambda: look(store))
    if store.dialect != "sqlite":
        return None
    thread = threading.Thread(target=look, args=(store,), name="copydesk-integrity", daemon=True)
    thread.start()
    return thread


def look(store: Store) -> str | None:
    """Look for damage: what is found is logged and an incident, until nothing is found any more.

    Returns:
        The first damage in SQLite's words; None for none, and where there is no file or it could not be read now.
    """
    if store.dialect != "sqlite":
        return None
    try:
        damage = _damage(store)
    except StoreError as error:
        log.warning("not carried out", what="integrity", error=str(error))
        return None
    if damage is not None:
        log.error("the database file is damaged", found=damage)
    try:
        with store.write() as connection:
            now = datetime.now(UTC)
            if damage is None:
                incidents.resolve(connection, kind=_KIND, subject=_SUBJECT, cause=_CAUSE, now=now, actor=ACTOR)
            else:
                what = Occurrence(_KIND, _SUBJECT, _CAUSE, f"{damage}; stop everything and restore a backup")
                incidents.note(connection, what, now, ACTOR)
    except (StoreError, sa.exc.DatabaseError) as error:
        # Damage may be where the incident would stand; the line above was written.
        log.warning("not carried out", what="integrity", error=type(error).__name__)
    return damage


def _damage(store: Store) -> str | None:
    try:
        with store.read() as connection:
            told = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
    except sa.exc.DatabaseError as error:
        return line(str(error.orig))
    except StoreError as error:
        if "malformed" in str(error):
            return line(str(error))
        raise
    return None if told == "ok" else line(told)
