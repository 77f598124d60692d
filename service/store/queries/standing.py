"""Where do factories stand that somebody should look at?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from service.resources import FACTORY_TYPES
from service.store.schema import deliveries, events, states

# The partial index's own condition, to the letter, so that both databases use it.
_UNFINISHED = sa.text("status IN ('pending', 'in_progress')")
_FACTORIES = sa.or_(*(states.c.subject.startswith(f"{type_}/") for type_ in FACTORY_TYPES))


def unfinished(connection: sa.Connection, before: datetime) -> list[str]:
    """Which factories have not come to their end, and did not move since a moment?"""
    late = sa.or_(states.c.at < before, states.c.at.is_(None))
    query = sa.select(states.c.subject).where(_FACTORIES, _UNFINISHED, late)
    return list(connection.execute(query.order_by(states.c.subject)).scalars())


def changed_between(connection: sa.Connection, begin: datetime, end: datetime) -> list[str]:
    """Which factories, as far as we know not deleted, changed last in this time?"""
    here = states.c.status.not_in(("destroyed", ""))
    query = sa.select(states.c.subject).where(_FACTORIES, here, states.c.at.between(begin, end))
    return list(connection.execute(query.order_by(states.c.subject)).scalars())


def newest_copy_at(connection: sa.Connection, subscription_id: str) -> datetime | None:
    """When did the newest copy of a subscription change last? None where none is known."""
    query = sa.select(sa.func.max(states.c.at)).where(states.c.order_subscription_id == subscription_id, _FACTORIES)
    found: datetime | None = connection.execute(query).scalar_one()
    return found


@dataclass(frozen=True, slots=True)
class Came:
    """What came in since a moment.

    Attributes:
        late: events that webhooks told, about what was older than the moment.
        swept: events that came of asking the API.
        redelivered: deliveries of events that were known.
    """

    late: int
    swept: int
    redelivered: int


def came_since(connection: sa.Connection, moment: datetime) -> Came:
    """What came in since a moment?"""
    first = sa.select(sa.func.count()).select_from(events).where(events.c.first_seen_at >= moment)
    late = first.where(events.c.origin == "webhook", events.c.resource_updated_at < moment)
    again = sa.select(sa.func.count()).select_from(deliveries)
    again = again.where(deliveries.c.received_at >= moment, deliveries.c.verdict == "redelivery")
    swept = first.where(events.c.origin == "sweep")
    return Came(*(connection.execute(query).scalar_one() for query in (late, swept, again)))
