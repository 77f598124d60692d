"""Migrations, by Alembic: safe when several processes start at one moment, and when killed half-way.

All of an upgrade is one transaction, on both databases, behind one lock: SQLite's write lock, which BEGIN IMMEDIATE
takes, or an advisory lock of PostgreSQL that ends with the transaction.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from service.store import schema

_LOCK = 0x436F7079_6465736B  # "Copydesk"; the number only has to be ours


def configuration() -> Config:
    """Alembic's configuration, made here so that no file has to be found at run time."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


@cache
def head() -> str:
    """The newest revision that this Copydesk knows."""
    return str(ScriptDirectory.from_config(configuration()).get_current_head())


@cache
def known() -> frozenset[str]:
    """Every revision that this Copydesk knows."""
    return frozenset(script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions())


def revision(connection: sa.Connection) -> str | None:
    """The revision that the database is at; None before the first migration."""
    return MigrationContext.configure(connection).get_current_revision()


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
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return True
