"""What an adversary with the whole database in his hands does to it; past every trigger, check and foreign key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from service.merkle.leaves import commit_to_entry, leaf, leaf_hash
from service.merkle.notes import Head, Note, Signer, Verifier, sign
from service.merkle.tree import Frontier
from service.store import Store
from service.store.schema import audit_entries, audit_keys, audit_logs, checkpoints, metadata, spell
from service.store.schema.columns import Instant

TABLES = (
    *("events", "deliveries", "transitions", "states", "follow_ups", "attempts"),
    *("audit_entries", "audit_logs", "checkpoints", "audit_keys"),
)
COLUMNS = [(table, column.name) for table in TABLES for column in metadata.tables[table].c]


@contextmanager
def tampering(store: Store) -> Iterator[sa.Connection]:
    """A transaction in which nothing is refused."""
    with store.engine.connect() as connection:
        if store.dialect == "sqlite":
            raw: Any = connection.connection.driver_connection
            raw.execute("PRAGMA foreign_keys = 0")
            raw.execute("PRAGMA ignore_check_constraints = 1")
            raw.execute("DROP TRIGGER IF EXISTS audit_entries_unchanged")
            raw.execute("DROP TRIGGER IF EXISTS audit_entries_undeleted")
        else:
            connection.execute(sa.text("SET session_replication_role = replica"))
            checks = "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0"
            for table, name in connection.execute(sa.text(checks)).all():
                if table in TABLES:
                    connection.execute(sa.text(f"ALTER TABLE {table} DROP CONSTRAINT {name}"))
        yield connection
        connection.commit()


def rows_to_change(store: Store, table: str, column: str) -> list[dict[str, Any]]:
    """Rows of which something is told about the column: the first, one in the middle, the last."""
    t = metadata.tables[table]
    with store.read() as connection:
        found = [dict(r) for r in connection.execute(sa.select(t).order_by(*t.primary_key)).mappings()]
    found = [row for row in found if is_told(table, column, row)]
    return [found[place] for place in sorted({0, len(found) // 2, len(found) - 1})] if found else []


def is_told(table: str, column: str, row: dict[str, Any]) -> bool:
    """Whether the trail still tells this column of a row: what was erased is not told."""
    if table == "follow_ups" and column == "changed_at":
        return row["status"] != "queued"
    if table in ("events", "transitions") and row["subject"].startswith("erased/"):
        return column == "subject"
    if table == "deliveries" and column in ("topic", "origin", "received_at", "reason", "size", "key_fingerprint"):
        # The entries of those whose subject was erased tell nothing of them; the bytes are gone with it.
        return row["body"] is not None
    if table == "deliveries" and column == "data_key":
        return row["data_key"] is not None
    return not (table == "audit_logs" and column == "opened_at" and row["epoch"] == 1)


def changed(column: sa.Column[Any], value: Any) -> Any:
    """Another value of a column's kind."""
    if isinstance(column.type, Instant):
        return (value or datetime.fromisoformat("2026-03-02T09:00:00Z")) + timedelta(seconds=1)
    if isinstance(column.type, sa.LargeBinary):
        return bytes(value[:-1]) + bytes([value[-1] ^ 1]) if value else b"\1" * 32
    if isinstance(column.type, sa.Boolean):
        return not value
    if isinstance(column.type, sa.Integer):
        # Far away, so that no other row is met.
        return (value or 0) + 1_000_003
    return {"planned": "done", "done": "left"}.get(value, f"{value or ''}x")


def change(store: Store, table: str, column: str, row: dict[str, Any]) -> None:
    """Put another value into one column of one row."""
    t = metadata.tables[table]
    with tampering(store) as connection:
        this = [key == row[key.name] for key in t.primary_key]
        connection.execute(sa.update(t).where(*this).values({column: changed(t.c[column], row[column])}))


def put_back(store: Store, table: str, column: str, row: dict[str, Any]) -> None:
    """Undo `change`."""
    t = metadata.tables[table]
    with tampering(store) as connection:
        found = {**row, column: changed(t.c[column], row[column])}
        this = [key == found[key.name] for key in t.primary_key]
        connection.execute(sa.update(t).where(*this).values({column: row[column]}))


def rehash(store: Store, signers: Mapping[str, Signer]) -> None:
    """Make the whole log fit what the entries say now, and sign it anew: all that an adversary can do.

    Args:
        store: the record.
        signers: whose signature stands in place of each key's.
    """
    swapped = {text: signer.verifier.text for text, signer in signers.items()}
    with tampering(store) as connection:
        e, entries = audit_entries.c, []
        for row in connection.execute(sa.select(audit_entries).order_by(e.epoch, e.leaf_index)).mappings():
            told = dict(row)
            if told["salt"] is not None:
                for old, new in swapped.items():
                    told["detail"] = told["detail"].replace(old, new)
                told["commitment"] = commit_to_entry(told["salt"], told["actor"], told["subject"], told["detail"])
            told["leaf_hash"] = leaf_hash(leaf(spell(told["at"]), told))
            entries.append(told["leaf_hash"])
            values = {name: told[name] for name in ("detail", "commitment", "leaf_hash")}
            connection.execute(sa.update(audit_entries).where(e.id == told["id"]).values(values))
        for table, note in ((audit_logs, "head"), (checkpoints, "note")):
            for row in connection.execute(sa.select(table)).mappings().all():
                grown = Frontier().append(entries[: row["size"]])
                head = Head(Head.from_text(Note.from_text(row[note]).text).origin, row["size"], grown.root)
                names = {id_ for _, id_, _ in Note.from_text(row[note]).signatures}
                new = [other for text, other in signers.items() if Verifier.from_text(text).key_id in names]
                values = {note: sign(head.text, new or list(signers.values()))}
                values |= {"frontier": grown.to_bytes()} if table is audit_logs else {"root": grown.root}
                this = [key == row[key.name] for key in table.primary_key]
                connection.execute(sa.update(table).where(*this).values(values))
        for old, text in swapped.items():
            connection.execute(sa.update(audit_keys).where(audit_keys.c.verifier == old).values(verifier=text))
