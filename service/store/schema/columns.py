"""What every table is made of: the types of columns, and how constraints are named."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Integer, MetaData, Table, Text
from sqlalchemy.dialects import postgresql, sqlite

# Raised by a migration that an older Copydesk could not live with; read from `alembic_version` by the checks.
APPLICATION_ID = 0x43505944  # "CPYD", in the header of every SQLite file of ours


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware time: `timestamptz` on PostgreSQL, fixed-width ISO 8601 text on SQLite, which sorts as time does."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """Pick the column type of the database."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.DateTime(timezone=True))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:
        """Refuse naive times: they are the ones that go wrong twice a year."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value if dialect.name == "postgresql" else spell(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - the interface
        """Give back an aware UTC time."""
        if value is None:
            return None
        return value.astimezone(UTC) if isinstance(value, datetime) else datetime.fromisoformat(value)


@lru_cache(maxsize=64)
def spell(value: datetime) -> str:
    """Spell a time for SQLite; cached, since one transaction writes the same time into many rows."""
    if value.tzinfo is None:
        raise ValueError("a time without a zone")
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def insert(connection: sa.Connection, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT, which both databases spell alike and SQLAlchemy keeps apart."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


Serial = sa.BigInteger().with_variant(Integer, "sqlite")
Flag = sa.Boolean().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def table(name: str, *items: Any) -> Table:
    """A table of the one schema."""
    return Table(name, metadata, *items, sqlite_strict=True)


def where(condition: str) -> dict[str, Any]:
    """What makes an index a partial one, on both databases."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def one_of(column: str, *words: str) -> CheckConstraint:
    """A column that holds one of these words."""
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)
