"""A sweep lets in what no webhook told, once, and never leaves anything behind its watermark."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import ceil

import httpx
import pytest

from service.errors import Stopped, Unavailable
from service.sandbox import Sandbox
from service.store import Store, watermarks
from service.store.keep import keep
from service.store.schema import deliveries, events
from service.sweep.feeding import Site
from service.sweep.passing import FIRST_LOOK, OVERLAP, WATERMARK, sweep
from tests.bodies import arrival
from tests.bodies import copy as copy_body
from tests.rows import counts, rows
from tests.sweep.ground import a_week_ago, calls, record, told, truth


def mark(store: Store) -> datetime | None:
    with store.read() as connection:
        found = watermarks.watermark(connection, WATERMARK)
    return found.at if found else None


def test_every_factory_is_known_after_one_pass_within_pages_and_a_tenth(site: Site, sandbox: Sandbox) -> None:
    sandbox.make_factories(count=120, failing=10, aborted=5, stuck=3, deleted=4, together=4)
    swept = sweep(site, a_week_ago())
    assert len(calls(sandbox)) <= ceil(116 / 25) * 1.1 + 1
    assert record(site.store) == truth(site)
    assert (swept.events, swept.listed) == (116, 116)
    assert {origin for _, origin in told(site.store)} == {"sweep"}


def test_a_second_pass_finds_nothing_new(site: Site, sandbox: Sandbox) -> None:
    sandbox.make_factories(count=40)
    sweep(site, a_week_ago())
    before = counts(site.store)
    again = sweep(site, a_week_ago())
    assert (again.events, again.redelivered) == (0, 0)
    assert counts(site.store) == before


def test_a_later_webhook_of_a_swept_factory_is_a_redelivery(site: Site, sandbox: Sandbox) -> None:
    made = sandbox.play("good-copy")
    sweep(site, a_week_ago())
    with site.store.write() as connection:
        late = arrival("order_copies.complete", copy_body(made["order_copy"]), datetime.now(UTC))
        (receipt,) = keep(connection, [late])
    assert receipt.verdict == "redelivery"
    assert [row["deliveries"] for row in rows(site.store, events)] == [2]


def test_what_the_api_said_is_kept_as_the_body(site: Site, sandbox: Sandbox) -> None:
    made = sandbox.play("failing-copy")
    sweep(site, a_week_ago())
    (row,) = rows(site.store, deliveries)
    assert made["order_copy"].encode() in row["body"]
    assert b'"errors_log":{"' in row["body"]
    assert "x-request-id" in row["headers"]
    assert row["key_fingerprint"] is None


def test_an_end_that_a_body_was_ahead_with_is_told_all_the_same(site: Site, sandbox: Sandbox) -> None:
    made = sandbox.play("good-copy")
    ahead = copy_body(made["order_copy"], "completed", updated_at="2999-01-01T00:00:00.000Z")
    with site.store.write() as connection:
        keep(connection, [arrival("order_copies.start", ahead, datetime.now(UTC))])
    sweep(site, a_week_ago())
    assert ("order_copies.complete", "sweep") in told(site.store)


def test_a_dry_run_says_what_would_come_and_writes_nothing(site: Site, sandbox: Sandbox) -> None:
    sandbox.make_factories(count=30)
    before = counts(site.store)
    swept = sweep(site, a_week_ago(), dry_run=True)
    assert swept.events == 30
    assert counts(site.store) == before
    assert mark(site.store) is None


def test_the_watermark_stands_at_the_last_row_and_the_next_pass_overlaps_it(site: Site, sandbox: Sandbox) -> None:
    sandbox.make_factories(count=30)
    sweep(site, a_week_ago())
    newest = max(row["resource_updated_at"] for row in rows(site.store, events))
    assert mark(site.store) == newest
    assert sweep(site).since == newest - OVERLAP


def test_a_pass_that_begins_behind_the_watermark_does_not_move_it(site: Site, sandbox: Sandbox) -> None:
    sandbox.make_factories(count=30)
    sweep(site, a_week_ago())
    before = mark(site.store)
    sandbox.play("good-copy")
    assert before is not None
    sweep(site, before + timedelta(seconds=1))
    assert mark(site.store) == before


def test_a_short_look_by_hand_does_not_spare_the_first_pass_its_day(site: Site, sandbox: Sandbox) -> None:
    sandbox.play("good-copy")
    sweep(site, datetime.now(UTC) - timedelta(hours=1))
    assert mark(site.store) is None
    assert sweep(site).since <= datetime.now(UTC) - FIRST_LOOK


def test_rows_that_change_under_the_reader_are_neither_skipped_nor_told_twice(site: Site, sandbox: Sandbox) -> None:
    sandbox.make_factories(count=200, together=30)
    sandbox.unrest(rows=3)
    sweep(site, a_week_ago())
    sandbox.unrest(rows=0)
    sweep(site)
    assert record(site.store) == truth(site)
    assert all(row["deliveries"] == 1 for row in rows(site.store, events))


@pytest.mark.parametrize("trouble", [{"status": 503}, {"status": 429}, {"drop": True, "when": "after"}])
def test_a_pass_goes_on_after_trouble_where_it_was(
    site: Site, sandbox: Sandbox, trouble: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.sweep.feeding.Site.pause", lambda _site, _seconds: None)
    sandbox.make_factories(count=120)
    sandbox.trouble(path="/api/order_factories", calls=2, **trouble)
    assert sweep(site, a_week_ago()).events == 120


def test_a_pass_that_gives_up_keeps_what_it_had(site: Site, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.sweep.feeding.Site.pause", lambda _site, _seconds: None)
    sandbox.make_factories(count=120)

    def break_off(_page: object) -> None:
        sandbox.trouble(path="/api/order_factories", status=503, seconds=60)

    with pytest.raises(Unavailable):
        sweep(site, a_week_ago(), progress=break_off)
    first = len(told(site.store))
    assert 0 < first < 120
    assert mark(site.store) is not None
    httpx.delete(f"{sandbox.url}/sandbox/trouble")
    sweep(site)
    assert record(site.store) == truth(site)


def test_a_pass_that_is_stopped_ends_between_two_pages_and_goes_on_another_time(site: Site, sandbox: Sandbox) -> None:
    sandbox.make_factories(count=120)
    with pytest.raises(Stopped):
        sweep(site, a_week_ago(), progress=lambda _page: site.stop.set())
    assert len(told(site.store)) == 25
    site.stop.clear()
    sweep(site)
    assert record(site.store) == truth(site)
