"""How much needs a person's eye?"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from service.store.queries.follow_ups import GIVEN_UP
from service.store.schema import deliveries, events, follow_ups


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts of what does not mend itself; `deferred` does, where a worker runs."""

    failed_events: int
    quarantined: int
    deferred: int
    dead: int
    refused: int


def totals(connection: sa.Connection) -> Totals:
    """How much needs a person's eye?"""
    verdicts = _counts(connection, deliveries.c.verdict, sa.text("verdict IN ('quarantine', 'deferred')"))
    statuses = _counts(connection, follow_ups.c.status, follow_ups.c.status.in_(GIVEN_UP))
    failed = sa.select(sa.func.count()).select_from(events).where(sa.text("result = 'failed'"))
    return Totals(
        failed_events=connection.execute(failed).scalar_one(),
        quarantined=verdicts.get("quarantine", 0),
        deferred=verdicts.get("deferred", 0),
        dead=statuses.get("dead", 0),
        refused=statuses.get("refused", 0),
    )


def _counts(
    connection: sa.Connection, column: sa.Column[str], among: sa.ColumnElement[bool] | sa.TextClause
) -> dict[str, int]:
    found = connection.execute(sa.select(column, sa.func.count()).where(among).group_by(column))
    return {name: count for name, count in found}  # noqa: C416 - rows are not pairs to mypy
