"""Reading what is to be verified: a SQLite file, or a PostgreSQL database, spelled alike. Nothing is ever written.

The processes of one verification each open it, so this module imports little; what a column holds it tells by its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from service.errors import EvidenceUnreadable

Row = tuple[Any, ...]

# Times are text, as SQLite keeps them; flags are 0 or 1.
FLAGS = frozenset({"superseded", "applied"})
# How SQLite's driver says that a text is not UTF-8; the text itself follows.
NOT_UTF8 = "Could not decode to UTF-8"
_BATCH = 2_000
_NAMED = 500
# 32 MiB, in KiB: rows are read in another order than they lie in, though not far from it.
_CACHE = -32_768


# As much as SQLite maps at most, unless it was built otherwise: https://www.sqlite.org/mmap.html
_MAPPED = 0x7FFF0000


@dataclass(frozen=True, slots=True)
class Place:
    """Where the record is.

    Attributes:
        file: a SQLite file; None for PostgreSQL.
        url: of the PostgreSQL database, as libpq reads it; empty for a file.
        snapshot: of PostgreSQL: the snapshot that all processes share.
        immutable: nobody writes the file, and nothing may be made beside it.
        mapped: the file is read as memory, which saves copies. If it were cut short meanwhile, the process would end,
            so only those do it that may.
        any_text: of a file: take in text that is not UTF-8, which is slower; without it such a file cannot be read.
    """

    file: Path | None
    url: str = ""
    snapshot: str = ""
    immutable: bool = False
    mapped: bool = False
    any_text: bool = False


class Reader(Protocol):
    """One snapshot of the record."""

    def rows(self, columns: Sequence[str], table: str, rest: str = "", values: Sequence[Any] = ()) -> Iterator[Row]:
        """Read rows of a table; `rest` is what stands behind the table in SQL, with a `?` for each value."""
        ...

    def one(self, sql: str, values: Sequence[Any] = ()) -> Row:
        """The first row of any query; empty where there is none."""
        ...

    def ordered(self, column: str) -> str:
        """How to compare and order a column of text, so that it is by its bytes, whatever the table says."""
        ...

    def quoted(self, column: str) -> str:
        """A column as JSON spells it: text as the trail has it where it is ASCII, and not as any other text ever."""
        ...

    def listed(self, *values: str) -> str:
        """Several values as one JSON array, which equals another one where each of them does, in kind too."""
        ...

    def hexadecimal(self, column: str) -> str:
        """A column of bytes in small letters; of anything else, empty."""
        ...

    def in_bytes(self, text: str) -> str:
        """Text as its bytes in UTF-8."""
        ...

    def first_word(self, column: str) -> str:
        """What stands in front of the first blank."""
        ...

    def are_text(self, *columns: str) -> str:
        """Whether each of them holds text."""
        ...

    @property
    def refusals(self) -> tuple[type[Exception], ...]:
        """What reading raises where a value cannot be spelled, and may be read as it is."""
        ...


def batched(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Cut numbers into parts that one question may name."""
    for start in range(0, len(numbers), _NAMED):
        yield numbers[start : start + _NAMED]


def is_time(column: str) -> bool:
    """Tell whether a column holds a time: all of them are named so, and no others."""
    name = column.rpartition(".")[2]
    return name == "at" or name.endswith("_at")


@contextmanager
def opened(place: Place) -> Iterator[Reader]:
    """Open one snapshot.

    Raises:
        EvidenceUnreadable: it cannot be opened or read.
    """
    with _sqlite(place) if place.file else _postgresql(place) as reader:
        yield reader


@contextmanager
def _sqlite(place: Place) -> Iterator[Reader]:
    sqlite3 = library()
    mode = "immutable=1" if place.immutable else "mode=ro"
    try:
        with closing(sqlite3.connect(f"{Path(place.file or '').absolute().as_uri()}?{mode}", uri=True)) as connection:
            connection.isolation_level = None
            if place.any_text:
                # Differs from every text that was ever written, and is not equal to another such one.
                connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
            mapped = _MAPPED if place.mapped else 0
            for pragma in (
                "query_only = 1",
                f"cache_size = {_CACHE}",
                f"mmap_size = {mapped}",
                "trusted_schema = 0",
                "busy_timeout = 5000",
            ):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            yield _Sqlite(connection)
    except sqlite3.DatabaseError as error:
        raise EvidenceUnreadable(f"{place.file}: {error}") from error


def library() -> Any:
    """The library that the rest of Copydesk uses too, without what else that imports."""
    try:
        import pysqlite3.dbapi2 as library  # noqa: PLC0415 - it may be missing
    except ImportError:
        import sqlite3 as library  # noqa: PLC0415 - likewise
    return library


@contextmanager
def _postgresql(place: Place) -> Iterator[Reader]:
    import psycopg  # noqa: PLC0415 - half a second that a file does not need

    options = "-c TimeZone=UTC -c default_transaction_read_only=on -c statement_timeout=0"
    try:
        with psycopg.connect(place.url, options=options, application_name="copydesk audit verify") as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            if place.snapshot:
                connection.execute(f"SET TRANSACTION SNAPSHOT '{place.snapshot}'")
            yield _Postgresql(connection)
    except psycopg.Error as error:
        raise EvidenceUnreadable(str(error).partition("\n")[0]) from error


class _Sqlite:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def rows(self, columns: Sequence[str], table: str, rest: str = "", values: Sequence[Any] = ()) -> Iterator[Row]:
        sql = f"SELECT {', '.join(columns)} FROM {table} {rest}"  # noqa: S608 - names of our own
        found: Iterator[Row] = self._connection.execute(sql, values)
        return found

    def one(self, sql: str, values: Sequence[Any] = ()) -> Row:
        return self._connection.execute(sql, values).fetchone() or ()

    def ordered(self, column: str) -> str:
        return f"{column} COLLATE BINARY"

    def quoted(self, column: str) -> str:
        return f"json_quote({column})"

    def listed(self, *values: str) -> str:
        return f"json_array({', '.join(values)})"

    def hexadecimal(self, column: str) -> str:
        return f"CASE typeof({column}) WHEN 'blob' THEN lower(hex({column})) END"

    def in_bytes(self, text: str) -> str:
        return f"CAST({text} AS BLOB)"

    def first_word(self, column: str) -> str:
        return f"CASE instr({column}, ' ') WHEN 0 THEN {column} ELSE substr({column}, 1, instr({column}, ' ') - 1) END"

    def are_text(self, *columns: str) -> str:
        return " AND ".join(f"typeof({column}) = 'text'" for column in columns)

    @property
    def refusals(self) -> tuple[type[Exception], ...]:
        # Bytes where the table has text: nobody gets them there but by writing into the file past SQLite.
        return (library().OperationalError,)


class _Postgresql:
    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._cursors = 0

    def rows(self, columns: Sequence[str], table: str, rest: str = "", values: Sequence[Any] = ()) -> Iterator[Row]:
        sql = f"SELECT {', '.join(map(_spelled, columns))} FROM {table} {rest}"  # noqa: S608 - names of our own
        self._cursors += 1
        with self._connection.cursor(name=f"c{self._cursors}") as cursor:
            cursor.itersize = _BATCH
            cursor.execute(sql.replace("?", "%s"), values)
            yield from cursor

    def one(self, sql: str, values: Sequence[Any] = ()) -> Row:
        return self._connection.execute(sql.replace("?", "%s"), values).fetchone() or ()

    def ordered(self, column: str) -> str:
        return f'{column} COLLATE "C"'

    def quoted(self, column: str) -> str:
        return f"to_json({_spelled(column)})::text"

    def listed(self, *values: str) -> str:
        return f"json_build_array({', '.join(map(_spelled, values))})::text"

    def hexadecimal(self, column: str) -> str:
        return f"encode({column}, 'hex')"

    def in_bytes(self, text: str) -> str:
        return f"convert_to({text}, 'UTF8')"

    def first_word(self, column: str) -> str:
        return f"split_part({column}, ' ', 1)"

    def are_text(self, *columns: str) -> str:  # noqa: ARG002 - the types of columns hold here
        return "TRUE"

    @property
    def refusals(self) -> tuple[type[Exception], ...]:
        return ()


def _spelled(column: str) -> str:
    if is_time(column):
        return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
    return f"{column}::int" if column.rpartition(".")[2] in FLAGS else column
