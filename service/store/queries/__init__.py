"""Questions to the store, each named for what it answers. Every face of Copydesk asks here."""

from service.store.queries.deliveries import (
    DeliveryRow,
    apart,
    deliveries_of,
    event_of_delivery,
    newest_delivery,
    newest_payload,
    payload_of,
    stored_delivery,
)
from service.store.queries.events import (
    EventRow,
    TransitionRow,
    event,
    events,
    heard_between,
    known_keys,
    last_heard,
    transitions_of,
)
from service.store.queries.follow_ups import (
    OPEN,
    AttemptRow,
    FollowUpRow,
    attempts_of,
    follow_up,
    follow_ups,
    known_identities,
)
from service.store.queries.incidents import AffectedRow, IncidentRow, affected_by, incident, incidents
from service.store.queries.readiness import Readiness, check_takes_writes, readiness
from service.store.queries.standing import Came, came_since, changed_between, newest_copy_at, unfinished
from service.store.queries.totals import Totals, totals
from service.store.queries.trail import AuditRow, is_known, related, state_of, subjects_of, trail

__all__ = [
    "OPEN",
    "AffectedRow",
    "AttemptRow",
    "AuditRow",
    "Came",
    "DeliveryRow",
    "EventRow",
    "FollowUpRow",
    "IncidentRow",
    "Readiness",
    "Totals",
    "TransitionRow",
    "affected_by",
    "apart",
    "attempts_of",
    "came_since",
    "changed_between",
    "check_takes_writes",
    "deliveries_of",
    "event",
    "event_of_delivery",
    "events",
    "follow_up",
    "follow_ups",
    "heard_between",
    "incident",
    "incidents",
    "is_known",
    "known_identities",
    "known_keys",
    "last_heard",
    "newest_copy_at",
    "newest_delivery",
    "newest_payload",
    "payload_of",
    "readiness",
    "related",
    "state_of",
    "stored_delivery",
    "subjects_of",
    "totals",
    "trail",
    "transitions_of",
    "unfinished",
]
