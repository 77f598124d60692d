"""What Datasette (https://docs.datasette.io/en/stable/metadata.html) shows beside an exported SQLite file. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from service.export.views import View
from service.export.words import words

# Columns by whose values people narrow a table down.
_FACETS: Mapping[str, tuple[str, ...]] = {
    "events": ("topic", "told_status", "result", "origin"),
    "deliveries": ("verdict", "topic"),
    "transitions": ("to_status",),
    "states": ("status",),
    "follow_ups": ("kind", "status"),
    "attempts": ("result",),
    "audit_entries": ("action",),
    "incidents": ("kind", "status"),
}
_VIEW_FACETS: Mapping[str, tuple[str, ...]] = {
    "what_happened": ("action", "topic"),
    "failed_copies": ("status",),
    "follow_ups_and_attempts": ("kind", "status"),
    "operator_actions": ("who", "action"),
}
_QUERIES: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "history_of_one_order": (
        "The history of one order, copy or subscription",
        "SELECT at, as_what, subject, action, actor, what FROM one_order WHERE of_what = :subject ORDER BY id",
        ("states", "audit_entries"),
    ),
    "search_what_happened": (
        "Lines of the trail that hold these words",
        """SELECT a.at, a.subject, a.action, a.detail FROM audit_entries_fts AS f JOIN audit_entries AS a
ON a.id = f.rowid WHERE audit_entries_fts MATCH :words ORDER BY a.id DESC LIMIT 200""",
        ("audit_entries",),
    ),
    "events_a_day": (
        "Events of each day, by topic",
        "SELECT substr(first_seen_at, 1, 10) AS day, topic, count(*) AS events FROM events GROUP BY 1, 2 ORDER BY 1, 2",
        ("events",),
    ),
    "how_long_follow_ups_took": (
        "Seconds from the plan of a follow-up to its end, by kind",
        """SELECT kind, status, count(*) AS number,
round(avg((julianday(changed_at) - julianday(planned_at)) * 86400), 1) AS seconds
FROM follow_ups WHERE status IN ('done', 'left', 'refused', 'dead') GROUP BY 1, 2""",
        ("follow_ups",),
    ),
}


def metadata(database: str, tables: Collection[str], views: Sequence[View], about: Mapping[str, str]) -> dict[str, Any]:
    """The whole of `metadata.json`.

    Args:
        database: the file's name without its ending.
        tables: what is in it.
        views: likewise.
        about: name to sentence, of the export as a whole.
    """
    described: dict[str, Any] = {
        name: {
            "description": words()[name]["about"],
            "columns": {column: holds for column, (holds, _) in words()[name]["columns"].items()},
            "facets": list(_FACETS.get(name, ())),
        }
        for name in tables
        if name in words()
    }
    described |= {
        view.name: {"description": view.about, "facets": list(_VIEW_FACETS.get(view.name, ()))} for view in views
    }
    queries = {
        name: {"title": title, "sql": sql}
        for name, (title, sql, needs) in _QUERIES.items()
        if set(needs) <= set(tables)
    }
    told = " ".join(about.values())
    return {
        "title": "What Copydesk recorded",
        "description": told,
        "databases": {database: {"title": "The record", "tables": described, "queries": queries}},
    }
