"""Proofs about single entries: that they are in the log whose head was signed, without showing any other entry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from service.merkle.leaves import VERSION, leaf
from service.merkle.notes import Head, Note, Verifier
from service.merkle.tree import Tree
from service.store import log, log_heads
from service.store.log import Log
from service.store.schema import audit_entries, spell

FORMAT = "copydesk-proof/1"


def prove(connection: sa.Connection, subjects: Sequence[str], now: datetime) -> dict[str, Any]:
    """Prove the entries about some subjects.

    It hashes the whole log: about three seconds and 150 MB for a million entries.

    Returns:
        What `copydesk audit prove` writes; docs/audit.md tells of it, with a program that checks it.
    """
    e = audit_entries.c
    query = sa.select(audit_entries).where(e.subject.in_(subjects)).order_by(e.epoch, e.leaf_index, e.id)
    entries = [dict(row) for row in connection.execute(query).mappings()]
    keys = [Verifier.from_text(key.verifier) for key in log_heads.keys(connection)]
    epochs = [_epoch(connection, one, entries, keys) for one in log.epochs(connection) if one.head is not None]
    proved = [one for one in epochs if one["entries"]]
    return {
        "format": FORMAT,
        "made_at": spell(now),
        "subjects": list(subjects),
        "epochs": proved,
        # They have no place yet, or none below a signed head.
        "waiting": len(entries) - sum(len(one["entries"]) for one in proved),
    }


def _epoch(
    connection: sa.Connection, one: Log, entries: Sequence[dict[str, Any]], keys: Sequence[Verifier]
) -> dict[str, Any]:
    note = Note.from_text(one.head or "")
    size = Head.from_text(note.text).size
    ours = [e for e in entries if e["epoch"] == one.epoch and e["leaf_index"] is not None and e["leaf_index"] < size]
    tree = Tree(hash_ for some in log.leaf_hashes(connection, one.epoch, size) for hash_ in some) if ours else None
    return {
        "checkpoint": one.head,
        "keys": [key.text for key in note.signed_by(keys)],
        "entries": [_entry(entry, tree.inclusion_proof(entry["leaf_index"], size)) for entry in ours] if tree else [],
    }


def _entry(entry: dict[str, Any], proof: Sequence[bytes]) -> dict[str, Any]:
    opened = None
    if entry["salt"] is not None:
        opened = {name: entry[name] for name in ("actor", "subject", "detail")} | {"salt": bytes(entry["salt"]).hex()}
    told = entry | {name: entry[name] and bytes(entry[name]) for name in ("commitment", "payload", "sealed")}
    return {
        "index": entry["leaf_index"],
        "leaf": leaf(spell(entry["at"]), told).removeprefix(VERSION).decode("ascii"),
        "proof": [hash_.hex() for hash_ in proof],
        "opened": opened,
    }
