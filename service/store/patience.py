"""Entries of the trail that must be written though others write all the time: the work that they tell of is done."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from service.errors import StoreLocked
from service.store.audit import write_audit
from service.store.store import Store

PATIENCE_SECONDS = 30.0


def write_patiently(store: Store, entry: Mapping[str, Any]) -> None:
    """Write one entry in a transaction of its own, however long others hold the file, up to half a minute.

    Raises:
        StoreUnavailable: it could not be written.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with store.write() as connection:
                write_audit(connection, [entry])
                return
        except StoreLocked:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
