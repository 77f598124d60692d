"""What a sweep finds besides news is one incident of each kind, open until it is cured."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from service.sandbox import Sandbox
from service.store.keep import keep
from service.store.schema import follow_ups
from service.sweep.feeding import Site
from service.sweep.finds import look
from service.sweep.passing import sweep
from tests.bodies import arrival
from tests.bodies import copy as copy_body
from tests.rows import rows
from tests.sweep.ground import a_week_ago, calls, identities, open_incidents, record, told, truth


def alerts(site: Site) -> list[str]:
    return [row["cause"] for row in rows(site.store, follow_ups) if row["kind"] == "alert"]


def test_stuck_copies_are_one_incident_until_they_end(site: Site, sandbox: Sandbox) -> None:
    made = sandbox.make_factories(count=12, stuck=3, hours=10)
    sweep(site, a_week_ago())
    for _ in range(3):
        assert len(look(site).stuck) == 3
    (incident,) = open_incidents(site.store, "stuck")
    assert incident["count"] == 3
    for id_ in made["stuck"]:
        type_ = "order_copies" if id_ in made["order_copies"] else "recurring_order_copies"
        delete(site, type_, id_)
    assert len(look(site).gone) == 3
    assert open_incidents(site.store, "stuck") == []
    assert record(site.store) == truth(site)


def delete(site: Site, type_: str, id_: str) -> None:
    copies = site.client.order_copies if type_ == "order_copies" else site.client.recurring_order_copies
    copies.delete(id_)


def test_a_copy_that_is_not_there_any_more_is_destroyed_and_told(site: Site, sandbox: Sandbox) -> None:
    long_ago = (datetime.now(UTC) - timedelta(hours=5)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    gone = copy_body("NoLongerHr", "in_progress", updated_at=long_ago)
    with site.store.write() as connection:
        keep(connection, [arrival("order_copies.start", gone, datetime.now(UTC))])
    assert look(site).gone == ("order_copies/NoLongerHr",)
    assert look(site).gone == ()
    assert ("order_copies.destroy", "sweep") in told(site.store)
    assert "alert:order_copies/NoLongerHr:copy gone" in identities(site.store)


def test_a_renewal_that_stayed_away_is_an_incident_until_its_copy_comes(site: Site, sandbox: Sandbox) -> None:
    made = sandbox.play("absent-renewal", hours=5)
    for _ in range(2):
        assert look(site).absent == (f"order_subscriptions/{made['order_subscription']}",)
    assert len(open_incidents(site.store, "absent renewal")) == 1
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    came = copy_body("CameAtLast", recurring=True, order_subscription=made["order_subscription"], updated_at=now)
    with site.store.write() as connection:
        keep(connection, [arrival("recurring_order_copies.complete", came, datetime.now(UTC))])
    assert open_incidents(site.store, "absent renewal") == []
    assert look(site).absent == ()
    assert [cause.split(" (")[0] for cause in alerts(site)] == [
        "renewals have not come",
        "recovered: renewals have not come",
    ]


def test_a_renewal_within_its_grace_is_no_incident(site: Site, sandbox: Sandbox) -> None:
    sandbox.play("absent-renewal", hours=1)
    assert look(site).absent == ()


def test_an_aborted_copy_is_told_though_no_webhook_tells_it(site: Site, sandbox: Sandbox) -> None:
    made = sandbox.play("aborted-copy")
    for _ in range(2):
        sweep(site, a_week_ago())
    assert told(site.store) == [("order_copies.abort", "sweep")]
    assert alerts(site) == ["copy aborted"]
    assert record(site.store) == {f"order_copies/{made['order_copy']}": "aborted"}


@pytest.mark.parametrize("count", [3])
def test_what_an_import_made_is_known_though_it_fires_nothing(site: Site, sandbox: Sandbox, count: int) -> None:
    sandbox.play("import", count=count, renewals=2)
    sandbox.settle()
    sweep(site, a_week_ago())
    assert record(site.store) == truth(site)
    assert len(record(site.store)) == count + 2


def test_looking_asks_nothing_of_factories_where_nothing_waits(site: Site, sandbox: Sandbox) -> None:
    sandbox.make_factories(count=12)
    sweep(site, a_week_ago())
    before = len(calls(sandbox))
    look(site)
    assert len(calls(sandbox)) == before
