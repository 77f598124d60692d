"""Migrations, by Alembic: safe when several processes start at one moment, and when killed half-way.

All of an upgrade is one transaction, on both databases, behind one lock: SQLite's write lock, which BEGIN IMMEDIATE
takes, or an advisory lock of PostgreSQL that ends with the transaction.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from service.errors import StoreUnusable
from service.store import schema

if TYPE_CHECKING:
    from alembic.config import Config

_LOCK = 0x436F7079_6465736B  # "Copydesk"; the number only has to be ours
_MIGRATIONS = Path(__file__).parent / "migrations"
# Made by Alembic: https://alembic.sqlalchemy.org/en/latest/api/runtime.html
_VERSIONS = sa.table("alembic_version", sa.column("version_num", sa.Text))


def configuration() -> Config:
    """Alembic's configuration, made here so that no file has to be found at run time."""
    from alembic.config import Config  # noqa: PLC0415 - a fifth of a second that a migrated database does not need

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config


def head() -> str:
    """The newest revision that this Copydesk knows."""
    return max(known())


@cache
def known() -> frozenset[str]:
    """Every revision that this Copydesk knows; each file is named by its own, and they ascend."""
    return frozenset(file.name.partition("_")[0] for file in (_MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def revision(connection: sa.Connection) -> str | None:
    """The revision that the database is at; None before the first migration.

    Raises:
        StoreUnusable: it says that it is at several.
    """
    if not sa.inspect(connection).has_table(_VERSIONS.name):
        return None
    found = [str(version) for version in connection.execute(sa.select(_VERSIONS)).scalars()]
    if len(found) > 1:
        raise StoreUnusable(
            f"the database says that it is at several revisions, {', '.join(sorted(found))}: restore a backup"
        )
    return found[0] if found else None


def is_newer(connection: sa.Connection) -> bool:
    """Tell whether the database is at a revision that this Copydesk does not know."""
    current = revision(connection)
    return current is not None and current not in known()


def migrate(engine: sa.Engine) -> bool:
    """Bring the database to the newest revision.

    Returns:
        Whether anything was to do.
    """
    with engine.connect() as connection:
        if revision(connection) == head():
            return False
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        else:
            connection.exec_driver_sql(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        from alembic import command  # noqa: PLC0415 - see `configuration`

        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return True
