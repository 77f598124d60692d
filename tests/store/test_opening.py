"""Opening the database: checks, settings and migrations, each refusal one line that says what to do."""

from __future__ import annotations

import os
import signal
import sqlite3 as interpreters_own
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from service.errors import StoreLocked, StoreUnavailable, StoreUnusable
from service.store import Store, connections, migrate, open_store
from service.store.checks import is_affected
from service.store.keep import keep
from service.store.schema import APPLICATION_ID, BESIDE, metadata, states
from tests.bodies import NOW, arrival, sample
from tests.rows import counts

PROCESS = Path(__file__).parent / "one_process.py"
NOBODY = 65_534


def process(*arguments: str) -> subprocess.Popen[bytes]:
    """Start a process that works on the same database."""
    return subprocess.Popen([sys.executable, str(PROCESS), *arguments], stderr=subprocess.PIPE)


def ends(*processes: subprocess.Popen[bytes]) -> list[int]:
    """Wait for processes; the exit statuses."""
    for one in processes:
        _, errors = one.communicate(timeout=60)
        assert one.returncode in (0, -signal.SIGKILL), errors.decode()
    return [one.returncode for one in processes]


def file_of(url: str) -> Path:
    """The SQLite file of a URL."""
    return Path(url.removeprefix("sqlite:///"))


@contextmanager
def an_ordinary_user() -> Iterator[None]:
    """Not root, to whom every file is writable; only what `os.access` asks for changes, the real user."""
    if os.getuid() != 0:
        yield
        return
    os.setreuid(NOBODY, 0)
    try:
        yield
    finally:
        os.setreuid(0, 0)


def test_a_new_file_is_nobody_elses_to_read(tmp_path: Path) -> None:
    """It holds customers' data: whatever the umask, others get nothing, of the files beside it neither."""
    before = os.umask(0)
    try:
        store = open_store(f"sqlite:///{tmp_path}/copydesk.db")
        with store.write() as connection:
            connection.execute(sa.insert(states).values(subject="s", status="failed", seen_at=NOW))
            modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
        store.close()
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("copydesk.db", "copydesk.db-wal", "copydesk.db-shm"), 0o660)


def test_pragmas_on_a_live_connection(blank_sqlite_url: str) -> None:
    """A connection that writes has every promised setting, the one that durability hangs on first."""
    store = open_store(blank_sqlite_url)
    expected = connections.SQLITE_PRAGMAS | {
        "synchronous": 2,
        "journal_mode": "wal",
        "busy_timeout": 2000,
        "wal_autocheckpoint": connections.WEB_AUTOCHECKPOINT,
        "application_id": APPLICATION_ID,
    }
    for opened in (store, store.impatient()):
        wanted = expected | ({"busy_timeout": 0} if opened is not store else {})
        for ask in (opened.read, opened.write):
            with ask() as connection:
                found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in wanted}
            assert found == wanted
        opened.close()


def test_tables_are_strict(blank_sqlite_url: str) -> None:
    """SQLite refuses a value of another type than its column's."""
    store = open_store(blank_sqlite_url)
    with pytest.raises(sa.exc.IntegrityError, match="cannot store TEXT"), store.write() as connection:
        connection.exec_driver_sql("INSERT INTO refusals VALUES ('h', 't', 'r', 'many', 'l')")
    store.close()


def test_a_transaction_that_writes_begins_with_the_lock(blank_sqlite_url: str) -> None:
    """A second writer is told at its first statement, and never after it has read."""
    store = open_store(blank_sqlite_url)
    impatient = store.impatient()
    with store.write(), pytest.raises(StoreLocked), impatient.write():
        pytest.fail("two writers")
    with store.write(), impatient.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(states)).scalar_one() == 0
    with impatient.write():
        pass
    for one in (impatient, store):
        one.close()


def test_postgresql_settings_on_a_live_connection(new_blank_postgres: Any) -> None:
    """A connection commits to disk and does not wait for ever."""
    with new_blank_postgres() as url:
        store = open_store(url)
        with store.write() as connection:
            found = [
                connection.exec_driver_sql(f"SHOW {name}").scalar_one()
                for name in ("synchronous_commit", "lock_timeout", "statement_timeout", "TimeZone")
            ]
        assert found == ["on", "2s", "10s", "UTC"]
        store.close()


def test_the_schema_is_what_the_migrations_make(store: Store) -> None:
    """After the migrations there is nothing left to migrate: tables, columns, indexes, keys."""
    with store.read() as connection:
        opts = {"compare_type": True, "include_name": lambda name, _type, _parents: name not in BESIDE}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, metadata) == []
        assert migrate.revision(connection) == migrate.head()


def test_checks_are_what_the_migrations_make(store: Store) -> None:
    """Constraints on words, which the comparison does not see, are in the database under their names."""
    inspector = sa.inspect(store.engine)
    for table in metadata.sorted_tables:
        wanted = {str(c.name) for c in table.constraints if isinstance(c, sa.CheckConstraint)}
        assert {c["name"] for c in inspector.get_check_constraints(table.name)} >= wanted


def test_revisions_are_those_of_the_migrations() -> None:
    """The names of the files tell what Alembic finds in them, for those who open a database that needs no Alembic."""
    scripts = ScriptDirectory.from_config(migrate.configuration())
    assert migrate.known() == {script.revision for script in scripts.walk_revisions()}
    assert migrate.head() == scripts.get_current_head()


def test_a_migrated_database_is_opened_without_alembic(database_url: str) -> None:
    """What it costs every process to start is what opening needs, and a database is migrated once."""
    look = "import sys; from service.store import open_store; open_store(sys.argv[1]).close(); print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", look, database_url], capture_output=True, text=True, check=True)
    assert "service.store.migrate" in found.stdout.split()
    assert "alembic" not in found.stdout.split()


def test_opening_again_changes_nothing(blank_database_url: str) -> None:
    """A migrated database is opened as it is."""
    open_store(blank_database_url).close()
    store = open_store(blank_database_url)
    assert migrate.migrate(store.engine) is False
    assert set(counts(store).values()) == {0}
    store.close()


def test_several_processes_migrate_at_once(blank_database_url: str) -> None:
    """Processes that start at one moment all find a migrated database, and none fails."""
    assert ends(*(process("open_it", blank_database_url) for _ in range(3))) == [0] * 3
    store = open_store(blank_database_url)
    with store.read() as connection:
        assert migrate.revision(connection) == migrate.head()
    store.close()


@pytest.mark.parametrize("statement", ["0", "3", "17"])
def test_a_migration_killed_half_way(blank_database_url: str, statement: str) -> None:
    """Whoever comes after a migration that was killed finds a database to migrate from the start."""
    assert ends(process("die_migrating", blank_database_url, statement)) == [-signal.SIGKILL]
    store = open_store(blank_database_url)
    assert set(counts(store).values()) == {0}
    store.close()


def test_a_newer_schema_is_refused(blank_database_url: str) -> None:
    """A database that a newer Copydesk migrated is not touched by this one."""
    store = open_store(blank_database_url)
    with store.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    store.close()
    with pytest.raises(StoreUnusable, match="newer Copydesk"):
        open_store(blank_database_url)


def test_a_schema_of_several_revisions_is_refused(blank_database_url: str) -> None:
    """Which of them it is nobody can tell, and none of ours ever wrote it."""
    store = open_store(blank_database_url)
    with store.write() as connection:
        connection.exec_driver_sql("INSERT INTO alembic_version (version_num) VALUES ('0001')")
    store.close()
    with pytest.raises(StoreUnusable, match="several revisions, 0001, "):
        open_store(blank_database_url)


def test_another_programs_file_is_refused_and_left_as_it_is(blank_sqlite_url: str) -> None:
    """A SQLite file of another program is not even switched to WAL."""
    path = file_of(blank_sqlite_url)
    with closing(interpreters_own.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (id INTEGER)")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(StoreUnusable, match="another program"):
        open_store(blank_sqlite_url)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("content", [b"not a database, but long enough to have a header of one" * 99, b"\0" * 8192])
def test_what_is_no_database_is_refused(blank_sqlite_url: str, content: bytes) -> None:
    """A file of something else is refused in one line and left as it is."""
    file_of(blank_sqlite_url).write_bytes(content)
    with pytest.raises(StoreUnusable, match="not a readable SQLite database"):
        open_store(blank_sqlite_url)
    assert file_of(blank_sqlite_url).read_bytes() == content


def test_an_empty_file_is_taken(blank_sqlite_url: str) -> None:
    """A file that somebody has touched, to give it an owner, is as good as none."""
    file_of(blank_sqlite_url).touch()
    open_store(blank_sqlite_url).close()


def test_a_file_that_cannot_be_written_is_refused(blank_sqlite_url: str) -> None:
    """A read-only file and a read-only directory are told at start, by name."""
    path = file_of(blank_sqlite_url)
    open_store(blank_sqlite_url).close()
    path.chmod(0o444)
    with an_ordinary_user(), pytest.raises(StoreUnusable, match=r"copydesk\.db cannot be written"):
        open_store(blank_sqlite_url)
    path.chmod(0o666)
    path.parent.chmod(0o555)
    with an_ordinary_user(), pytest.raises(StoreUnusable, match="cannot be written"):
        open_store(blank_sqlite_url)
    path.parent.chmod(0o755)


def test_a_missing_directory_is_refused(tmp_path: Path) -> None:
    """A directory that is not there is named, and not made."""
    with pytest.raises(StoreUnusable, match="nowhere is not a directory"):
        open_store(f"sqlite:///{tmp_path}/nowhere/copydesk.db")


def test_memory_is_refused() -> None:
    """A database that is gone with the process keeps nothing."""
    with pytest.raises(StoreUnusable, match="in memory is gone"):
        open_store("sqlite:///:memory:")


def test_a_server_that_is_not_there() -> None:
    """PostgreSQL out of reach is unavailable, which may pass, and not unusable."""
    with pytest.raises(StoreUnavailable):
        open_store("postgresql+psycopg://nobody@127.0.0.1:9/nothing")


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 49, 99), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 0), True),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 52, 0), False),
        ((4, 0, 0), False),
    ],
)
def test_affected_sqlite_versions(version: tuple[int, ...], affected: bool) -> None:
    """The race that corrupts a file is in 3.7.0 to 3.51.2, except in two mended lines."""
    assert is_affected(version) is affected


def test_an_affected_library_is_refused(blank_sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a SQLite that can corrupt the file nothing is opened; with PostgreSQL it does not matter."""
    monkeypatch.setattr(connections.sqlite3, "sqlite_version_info", (3, 40, 1))
    with pytest.raises(StoreUnusable, match="pysqlite3"):
        open_store(blank_sqlite_url)
    assert not file_of(blank_sqlite_url).exists()


def test_one_library_for_the_file() -> None:
    """The library in use is the one with the fixed SQLite."""
    assert not is_affected(connections.sqlite3.sqlite_version_info)


def test_naive_times_are_refused(store: Store) -> None:
    """A time without a zone is refused on both databases alike."""
    row = {"subject": "orders/x", "status": "placed", "seen_at": datetime(2026, 3, 2)}  # noqa: DTZ001 - the point
    with pytest.raises(Exception, match="without a zone"), store.write() as connection:
        connection.execute(sa.insert(states), row)


def test_times_come_back_as_they_went(store: Store) -> None:
    """Microseconds and zones survive, the first instant and the last."""
    times = [NOW, NOW.replace(microsecond=1), NOW.min.replace(tzinfo=NOW.tzinfo), NOW.max.replace(tzinfo=NOW.tzinfo)]
    with store.write() as connection:
        rows = [{"subject": f"{n}", "status": "x", "at": at, "seen_at": NOW} for n, at in enumerate(times)]
        connection.execute(sa.insert(states), rows)
    with store.read() as connection:
        assert list(connection.execute(sa.select(states.c.at).order_by(states.c.subject)).scalars()) == times
        by_time = list(connection.execute(sa.select(states.c.at).order_by(states.c.at)).scalars())
        assert by_time == sorted(times)


def test_a_file_that_is_corrupted_meanwhile_is_unavailable(blank_sqlite_url: str) -> None:
    """Corruption in a running process stops writing with an error of the store's, not with a stranger's."""
    store = open_store(blank_sqlite_url)
    store.close()
    path = file_of(blank_sqlite_url)
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 100_000)
    with pytest.raises(StoreUnavailable), store.write() as connection:
        keep(connection, [arrival("orders.place", sample("orders.place.target"))])
    store.close()
