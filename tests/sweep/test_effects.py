"""What a recovery lets in takes effect once, however often it is let in and told again."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import sqlalchemy as sa

from service.follow_ups.attempt import attempt
from service.follow_ups.moves import Tools
from service.sandbox import Sandbox
from service.store.keep import keep
from service.store.schema import follow_ups
from service.sweep.feeding import Site
from service.sweep.recovery import recover
from tests.bodies import arrival
from tests.bodies import copy as copy_body


def settle(site: Site) -> None:
    """Carry out what is planned about source orders, as workers do."""
    settings = site.settings.model_copy(update={"cancel_grace_seconds": 0})
    tools = Tools(settings, site.store, site.client, None)
    with site.store.read() as connection:
        query = sa.select(follow_ups.c.id, follow_ups.c.attempt)
        planned = connection.execute(
            query.where(follow_ups.c.kind == "settle_source_order", follow_ups.c.status == "planned")
        ).all()
    for id_, number in planned:
        attempt(tools, id_, number, "worker")


def cancelled(sandbox: Sandbox) -> Counter[str]:
    return Counter(e["id"] for e in sandbox.effects if (e["effect"], e["by"]) == ("cancel", "api"))


def test_a_source_that_the_platform_forgot_is_cancelled_once(site: Site, sandbox: Sandbox) -> None:
    sandbox.play("weekend-outage", count=20)
    forgotten = [sandbox.play("forgotten-source") for _ in range(3)]
    sandbox.settle()
    recover(site, actor="operator tester")
    settle(site)
    with site.store.write() as connection:
        late = [copy_body(made["order_copy"]) for made in forgotten]
        keep(connection, [arrival("order_copies.complete", body, datetime.now(UTC)) for body in late])
    recover(site, actor="operator tester")
    settle(site)
    assert cancelled(sandbox) == Counter(made["source_order"] for made in forgotten)
