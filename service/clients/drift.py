"""Drift: what the provider says that its reference does not document. Kept in the values, reported here once."""

from __future__ import annotations

import re
from collections.abc import Iterable

import structlog

from service.resources import Json, unknown_attributes

log = structlog.get_logger(__name__)

# Names come from outside. Whatever is not one stays out of the log, and their number out of memory.
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,63}")
_MOST = 500
_reported: set[tuple[str, str]] = set()


def report(resources: Iterable[Json]) -> None:
    """Log each undocumented attribute of these resource objects, once per process; values are not logged."""
    for resource in resources:
        for name in sorted(unknown_attributes(resource)):
            seen = (str(resource.get("type")), name)
            if seen not in _reported and len(_reported) < _MOST and _NAME.fullmatch(name):
                _reported.add(seen)
                log.warning("an attribute that the reference does not document", type=seen[0], attribute=name)


def forget() -> None:
    """Report everything anew."""
    _reported.clear()
