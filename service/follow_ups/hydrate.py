"""Ask the API which orders a factory concerns, where its event carried no order ids.

A webhook without `include_resources` sends links only: https://docs.commercelayer.io/core/real-time-webhooks
"""

from __future__ import annotations

from datetime import UTC, datetime

from service.follow_ups.factory_facts import Facts, read
from service.follow_ups.moves import Act, Decision, Done, Kind, Leave, Started, Tools
from service.outcomes import FollowUp, Transition, alert, cured_by
from service.router import Verdict
from service.settings import Settings
from service.store.audit import write_audit
from service.store.factories import answered, project
from service.store.incidents import cure
from service.store.record import Told, record

_PLACED = ("placed", "approved", "placing")


def decide(_started: Started, facts: Facts, _settings: Settings, _now: datetime) -> Decision:
    """Keep what the API told, where it told anything."""
    if facts.factory is None:
        return Leave("Copydesk has no API credentials; add include_resources to the webhook instead")
    return Act("record which orders it concerns")


def act(started: Started, facts: Facts, _decision: Act, tools: Tools) -> Done:
    """Record the relations; the state itself moves only if the API's is newer."""
    factory = facts.factory
    if factory is None:
        raise TypeError("decided to record nothing")
    now = datetime.now(UTC)
    move = Transition(
        factory.subject,
        factory.status or "unknown",
        factory.updated_at,
        source_order_id=factory.source_order_id,
        target_order_id=factory.target_order_id,
        order_subscription_id=factory.order_subscription_id,
    )
    with tools.store.write() as connection:
        told = Told(started.event_id, started.subject, Verdict(transitions=(move,)))
        write_audit(connection, record(connection, [told], now, actor=started.kind))
        project(connection, [answered(factory, tools.settings.mode, tools.settings.organization)])
        if factory.status == "completed":
            # Its event could not say whom it makes well.
            cure(connection, {one.subject for one in cured_by(factory)}, now, started.kind)
    return Done("its orders are known", facts.request_id)


def afterwards(started: Started, facts: Facts, end: Done | Leave) -> list[FollowUp]:
    """Tell people what the event could not: that a target which had to be placed is not."""
    factory = facts.factory
    if not isinstance(end, Done) or factory is None or factory.status != "completed":
        return []
    target = factory.target_order
    missing = target is None or target.status not in _PLACED
    return [alert(started.subject, "target not placed")] if factory.place_target_order and missing else []


KIND = Kind("hydrate", "commerce_layer", read, decide, act, afterwards=afterwards, may_be_rehearsed=False)
