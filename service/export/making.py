"""Making an export: one snapshot, its files, a manifest over them, a line in the trail, and only then its name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from service.audit.bundle import LEAVES, MANIFEST, TABLES, DataFile, Epoch, Manifest
from service.export import contents, datasette, masks, payloads, reading
from service.export.contents import Wish
from service.export.flat_files import write_csv, write_ndjson
from service.export.questions import Question, questions
from service.export.reading import Row
from service.export.sqlite_file import SqliteFile
from service.files import digest_of, whole_directory
from service.intake.replay import Operator
from service.outcomes import Param
from service.store import Store
from service.store.audit import entry
from service.store.patience import write_patiently
from service.store.schema import audit_entries, audit_keys, audit_logs, deliveries, spell
from service.vault import Vault
from service.version import version

Told = Callable[[str, int, int | None], object]
# What the trail's lines about exports are about.
SUBJECT = "database/export"
SQLITE = "copydesk.sqlite"
METADATA = "metadata.json"
BODIES = "bodies"
_ANY_SEALED = sa.select(sa.exists().where(deliveries.c.data_key.is_not(None)))
_KEPT = "Nothing: texts and bodies are as they are kept."
_MASKED = (
    "What looks like an e-mail address, a telephone or card number, or a token is masked in texts, but not in audit "
    "entries, to which the log commits as they are."
)
_BODY_COLUMNS = {"delivery_id": int, "body": str}


@dataclass(frozen=True)
class Exporting:
    """One export under way.

    Attributes:
        connection: the snapshot.
        directory: where its files go.
        wish: what is wanted.
        vault: opens sealed bodies.
        told: hears how far it is.
        at: when the snapshot was taken.
        sealed: whether any delivery has a data key.
    """

    connection: sa.Connection
    directory: Path
    wish: Wish
    vault: Vault
    told: Told
    at: datetime
    sealed: bool = True

    def columns(self, table: sa.Table) -> list[sa.Column[object]]:
        """What of a table is exported."""
        return contents.columns(table, self.wish, sealed=self.sealed)

    def parts(self, question: Question, *, hexadecimal: bool) -> Iterator[list[Row]]:
        """The rows of a question as its file holds them."""
        table, where = question.table, question.where
        columns = self.columns(table)
        if table is deliveries and self.wish.unmask:
            found = payloads.unmasked_rows(self.connection, columns, where, self.vault, hexadecimal=hexadecimal)
        else:
            found = reading.rows(self.connection, table, columns, where, hexadecimal=hexadecimal)
        found = masks.masked(found, [column.name for column in columns], self.masks(table))
        return self.telling(table.name, found, reading.count(self.connection, table, where))

    def masks(self, table: sa.Table) -> dict[str, Callable[[str], str]]:
        """What makes the texts of a table showable, by column; nothing where they are wanted as they are kept."""
        return {} if self.wish.unmask else masks.masks(table.name, verified=self.wish.format != "csv")

    def bodies(self, question: Question) -> Iterator[list[Row]]:
        """Number and body of each delivery of a question."""
        found = payloads.texts(self.connection, question.where, self.vault, self.wish)
        return self.telling(BODIES, found, None)

    def telling(self, name: str, parts: Iterator[list[Row]], total: int | None) -> Iterator[list[Row]]:
        """The same rows; whoever listens hears how many there were."""
        number = 0
        for part in parts:
            yield part
            number += len(part)
            self.told(name, number, total)

    @property
    def about(self) -> dict[str, str]:
        """What the export is, in sentences by name."""
        return {
            "what it is": "An export of what Copydesk recorded of Commerce Layer's order copies. Times are UTC.",
            "made": f"{spell(self.at)} by Copydesk {version()}.",
            "query": f"Asked for: {self.wish.words or 'everything'}.",
            "what is masked": _KEPT if self.wish.unmask else _MASKED,
            "how to check it": f"copydesk audit verify DIRECTORY checks it with {MANIFEST} and {LEAVES} beside it.",
        }


def make(store: Store, place: Path, wish: Wish, operator: Operator, vault: Vault, told: Told) -> Manifest:
    """Export what somebody wants into a directory that is there whole or not at all.

    Args:
        store: where it is read from; both kinds give the same files.
        place: the directory; nothing may be there.
        wish: what is wanted.
        operator: who, and why; the trail knows it before the export has its name.
        vault: opens sealed bodies.
        told: hears how far it is.

    Raises:
        BadFilter: the filters are wrong.
        ConfigurationError: a body is sealed and no key of the settings opens it.
        FileUnusable: something is at the place, or it cannot be written.
        StoreUnavailable: the database cannot be read, or the trail cannot be told.
    """
    with whole_directory(place) as directory:
        with store.read_for_long() as connection:
            now = datetime.now(UTC)
            # Asked only where it matters: where nothing is sealed, every delivery is looked at.
            sealed = wish.unmask and connection.execute(_ANY_SEALED).scalar_one()
            exporting = Exporting(connection, directory, wish, vault, told, now, bool(sealed))
            asked = questions(connection, wish, now)
            files = [*_FORMATS[wish.format](exporting, asked), _leaves(exporting)]
            manifest = _manifest(exporting, [question.table for question in asked], files)
        (directory / MANIFEST).write_text(manifest.spell(), "utf-8")
        _record(store, manifest, wish, operator)
    return manifest


def _flat(exporting: Exporting, asked: Sequence[Question]) -> Iterator[DataFile]:
    """A file for each table, CSV or NDJSON."""
    wish = exporting.wish
    write = write_csv if wish.format == "csv" else write_ndjson

    def written(name: str, columns: Sequence[str], texts: Sequence[int], parts: Iterator[list[Row]]) -> DataFile:
        path = exporting.directory / f"{name}.{wish.format}"
        number = write(path, columns, parts, texts)
        return DataFile(path.name, name, number, digest_of(path))

    for question in asked:
        columns = exporting.columns(question.table)
        names, texts = [column.name for column in columns], contents.texts(columns)
        yield written(question.table.name, names, texts, exporting.parts(question, hexadecimal=True))
        if question.table is deliveries and _wants_bodies(wish):
            yield written(BODIES, list(_BODY_COLUMNS), [1], exporting.bodies(question))


def _wants_bodies(wish: Wish) -> bool:
    """Whether bodies are a file or table of their own: where they are unmasked, rows of deliveries may hold them."""
    return wish.bodies and not (wish.unmask and wish.format != "csv")


def _sqlite(exporting: Exporting, asked: Sequence[Question]) -> Iterator[DataFile]:
    """One file, and what Datasette shows beside it."""
    path = exporting.directory / SQLITE
    number = 0
    with closing(SqliteFile(path)) as file:
        # What is referred to comes first.
        order = {table.name: place for place, table in enumerate(audit_entries.metadata.sorted_tables)}
        for question in sorted(asked, key=lambda one: order[one.table.name]):
            columns = exporting.columns(question.table)
            added = file.add(question.table, columns, exporting.parts(question, hexadecimal=False))
            # The manifest tells of those that are verified.
            number += added if question.table.name in TABLES else 0
            if question.table is deliveries and _wants_bodies(exporting.wish):
                file.add_plain(BODIES, _BODY_COLUMNS, exporting.bodies(question), deliveries.name)
        exporting.told("indexes and search", 0, None)
        views = file.finish([question.table for question in asked], exporting.about)
    told = datasette.metadata(path.stem, file.tables, views, exporting.about)
    beside = exporting.directory / METADATA
    beside.write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    yield DataFile(path.name, None, number, digest_of(path))
    yield DataFile(beside.name, None, 0, digest_of(beside))


_FORMATS: dict[str, Callable[[Exporting, Sequence[Question]], Iterator[DataFile]]] = {
    "csv": _flat,
    "ndjson": _flat,
    "sqlite": _sqlite,
}


def _leaves(exporting: Exporting) -> DataFile:
    """The hashes of all leaves, in their order: with them, the place of each entry is proved."""
    entries = audit_entries.c
    query = sa.select(sa.type_coerce(entries.leaf_hash, sa.types.NullType())).where(entries.leaf_index.is_not(None))
    path, number = exporting.directory / LEAVES, 0
    with path.open("xb") as opened:
        ordered = query.order_by(entries.epoch, entries.leaf_index)
        for part in reading.parts(exporting.connection, ordered, 10_000):
            opened.write(b"".join(chain.from_iterable(part)))
            number += len(part)
            exporting.told("leaves of the log", number, None)
    return DataFile(LEAVES, None, number, digest_of(path))


def _manifest(exporting: Exporting, of: Sequence[sa.Table], files: Sequence[DataFile]) -> Manifest:
    wish, connection = exporting.wish, exporting.connection
    logs = connection.execute(sa.select(audit_logs).order_by(audit_logs.c.epoch)).mappings().all()
    keys = connection.execute(sa.select(audit_keys.c.verifier).order_by(audit_keys.c.id)).scalars()
    return Manifest(
        made_at=spell(exporting.at),
        query=wish.words,
        complete=wish.everything and wish.format != "csv",
        checkpoint=logs[-1]["head"] if logs else None,
        keys=tuple(keys),
        epochs=tuple(Epoch(log["epoch"], log["origin"], log["size"]) for log in logs),
        files=tuple(files),
        omitted=contents.omitted(wish, sealed=exporting.sealed),
        masked={table.name: tuple(by) for table in of if (by := exporting.masks(table))},
    )


def _record(store: Store, manifest: Manifest, wish: Wish, operator: Operator) -> None:
    detail: dict[str, Param | datetime] = {
        "format": wish.format,
        "query": manifest.query or "everything",
        "rows": sum(file.rows for file in manifest.files if file.name != LEAVES),
        "bodies": "as they came" if wish.unmask else "masked" if wish.bodies else "left out",
        "reason": operator.reason,
        **{file.name: file.sha256 for file in manifest.files},
    }
    write_patiently(store, entry(datetime.now(UTC), SUBJECT, operator.actor, "exported", detail))


def as_told(manifest: Manifest) -> dict[str, Any]:
    """A manifest for people: what there is of each file."""
    return {file.name: f"{file.rows} rows" if file.rows else "" for file in manifest.files}
