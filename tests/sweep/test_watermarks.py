"""Marks move one way only: the sweep's forward, a recovery's back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from service.store import Store, watermarks

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_watermark_never_goes_back(store: Store) -> None:
    for hours in (1, 3, 2):
        with store.write() as connection:
            watermarks.advance_to(connection, "order_factories", NOW + hours * HOUR, NOW)
            found = watermarks.watermark(connection, "order_factories")
    assert found == watermarks.Watermark(NOW + 3 * HOUR, NOW)


def test_an_interrupted_recovery_keeps_its_beginning_or_takes_an_earlier_one(store: Store) -> None:
    began = []
    for number, hours in enumerate((2, 3, 1)):
        with store.write() as connection:
            began.append(watermarks.begin(connection, "recovery", NOW + hours * HOUR, NOW + number * HOUR))
    assert [mark.at for mark in began] == [NOW + 2 * HOUR, NOW + 2 * HOUR, NOW + HOUR]
    assert {mark.moved_at for mark in began} == {NOW}
    with store.write() as connection:
        watermarks.drop(connection, "recovery")
        assert watermarks.watermark(connection, "recovery") is None
