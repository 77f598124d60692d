"""The views of an exported SQLite file: the questions that people ask most, each with its answer's words. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class View:
    """One view.

    Attributes:
        name: as people read it.
        about: what it shows.
        needs: the tables that it reads; it is made where all of them are exported.
        sql: its query.
    """

    name: str
    about: str
    needs: tuple[str, ...]
    sql: str


# An entry in words; what has none is shown as it is kept. Nothing here is newer than SQLite 3.38, which auditors have.
_WHAT = """coalesce(CASE
    WHEN a.action IN ('received', 'redelivered', 'quarantined', 'deferred')
      THEN (a.detail ->> 'topic') || coalesce(': ' || coalesce(a.detail ->> 'error', a.detail ->> 'reason'), '')
    WHEN a.action LIKE 'state.%' THEN coalesce(a.detail ->> 'before', 'new') || ' → ' || (a.detail ->> 'status')
    WHEN a.action IN ('follow_up.planned', 'follow_up.planned_again')
      THEN (a.detail ->> 'kind') || coalesce(': ' || coalesce(a.detail ->> 'cause', a.detail ->> 'why'), '')
    WHEN a.action LIKE 'attempt.%'
      THEN (a.detail ->> 'kind') || coalesce(': ' || coalesce(a.detail ->> 'detail', a.detail ->> 'what'), '')
    ELSE coalesce(a.detail ->> 'text', a.detail ->> 'reason') END, a.detail)"""
# The subjects that belong to an order or a subscription: it, and the copies that name it.
_RELATED = """
  SELECT 'orders/' || source_order_id AS of_what, 'source' AS as_what, subject FROM states
    WHERE source_order_id IS NOT NULL
  UNION ALL SELECT 'orders/' || target_order_id, 'target', subject FROM states WHERE target_order_id IS NOT NULL
  UNION ALL SELECT 'order_subscriptions/' || order_subscription_id, 'subscription', subject FROM states
    WHERE order_subscription_id IS NOT NULL
  UNION ALL SELECT DISTINCT subject, 'itself', subject FROM audit_entries
"""

VIEWS: tuple[View, ...] = (
    View(
        "what_happened",
        "Every line of the audit trail with the event's topic, newest first.",
        ("audit_entries", "events"),
        f"""SELECT a.at, a.subject, a.action, e.topic, a.actor, {_WHAT} AS what, a.event_id, a.follow_up_id, a.id
FROM audit_entries AS a LEFT JOIN events AS e ON e.id = a.event_id ORDER BY a.id DESC""",  # noqa: S608 - our own words
    ),
    View(
        "failed_copies",
        "Copies that failed or were aborted, with their orders and what people were told.",
        ("states", "incident_subjects", "incidents"),
        """SELECT s.subject, s.status, s.at, s.source_order_id, s.target_order_id, s.order_subscription_id,
  (SELECT group_concat(i.cause, '; ') FROM incident_subjects AS x JOIN incidents AS i ON i.id = x.incident_id
   WHERE x.subject IN (s.subject, 'orders/' || s.source_order_id,
     'order_subscriptions/' || s.order_subscription_id)) AS incidents
FROM states AS s
WHERE s.status IN ('failed', 'aborted') AND s.subject GLOB '*order_copies/*' ORDER BY s.at DESC""",
    ),
    View(
        "follow_ups_and_attempts",
        "What was to be done, each try of it and how it ended.",
        ("follow_ups", "attempts"),
        """SELECT f.id AS follow_up_id, f.kind, f.subject, f.cause, f.status, f.planned_at, a.number AS attempt,
  a.start, a.started_at, a.finished_at, a.result AS attempt_result, a.detail AS attempt_detail, f.result, a.worker,
  a.request_id
FROM follow_ups AS f LEFT JOIN attempts AS a ON a.follow_up_id = f.id ORDER BY f.id DESC, a.number, a.start""",
    ),
    View(
        "operator_actions",
        "What people did, and why.",
        ("audit_entries",),
        f"""SELECT a.at, substr(a.actor, 10) AS who, a.action, a.subject, a.detail ->> 'reason' AS reason,
  {_WHAT} AS what, a.id FROM audit_entries AS a WHERE a.actor LIKE 'operator %' ORDER BY a.id DESC""",  # noqa: S608 - our own words
    ),
    View(
        "one_order",
        "The history of each order, subscription or copy with all that belongs to it: filter by of_what.",
        ("states", "audit_entries"),
        f"""SELECT r.of_what, r.as_what, a.at, a.subject, a.action, a.actor, {_WHAT} AS what, a.event_id,
  a.follow_up_id, a.id FROM ({_RELATED}) AS r JOIN audit_entries AS a ON a.subject = r.subject""",  # noqa: S608 - our own words
    ),
    View(
        "errors",
        "Events whose handlers raised, newest first.",
        ("events",),
        """SELECT id, first_seen_at, topic, subject, error, deliveries FROM events WHERE result = 'failed'
ORDER BY id DESC""",
    ),
)


def fitting(tables: Collection[str]) -> list[View]:
    """The views that can be made of these tables."""
    return [view for view in VIEWS if set(view.needs) <= set(tables)]
