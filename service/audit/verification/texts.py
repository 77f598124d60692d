"""Texts that the database puts together of its columns, so that comparing them needs no value of each column here.

Each is the text that Copydesk writes, where its values are ASCII; of others it may be another one, and never one that
different values could have. So a text that fits proves its columns, and one that does not proves nothing: then the
columns themselves are compared.
"""

from __future__ import annotations

from service.audit.verification.places import Reader


def leaf(reader: Reader) -> str:
    """The leaf of an entry, in bytes and without its version: `service.merkle.leaves.leaf`."""
    r = reader
    text = _object(
        f"""'"action": ' || {r.quoted("action")}""",
        f"""', "at": ' || {r.quoted("at")}""",
        f"""', "by": ' || {r.quoted(r.first_word("actor"))}""",
        f"""', "commit": "' || {r.hexadecimal("commitment")} || '"'""",
        _maybe("event_id", f"""', "event": ' || {r.quoted("event_id")}"""),
        _maybe("follow_up_id", f"""', "follow_up": ' || {r.quoted("follow_up_id")}"""),
        _maybe("payload", f"""', "payload": "' || {r.hexadecimal("payload")} || '"'"""),
        _maybe("sealed", f"""', "sealed": "' || {r.hexadecimal("sealed")} || '"'"""),
    )
    return r.in_bytes(text)


def opened(reader: Reader) -> str:
    """What an entry commits to, in bytes and without the salt: `service.merkle.leaves.commit_to_entry`."""
    columns = "actor", "subject", "detail"
    values = " || ', ' || ".join(map(reader.quoted, columns))
    text = f"'[' || {values} || ']'"
    return f"CASE WHEN {reader.are_text(*columns)} THEN {reader.in_bytes(text)} END"


def received(reader: Reader, event: str, delivery: str) -> str:
    """The detail of the entry that tells of an event and its delivery, from the rows of both."""
    r, e, d = reader, event, delivery
    return _object(
        f"""'"delivery": ' || {r.quoted(f"{d}.id")}""",
        _told(r, "error", f"{e}.error"),
        _told(r, "fingerprint", f"{e}.fingerprint"),
        f"""', "identity": "' || {r.hexadecimal(f"{e}.key")} || '"'""",
        _told(r, "key", f"{d}.key_fingerprint"),
        *(f"""', "{name}": ' || {r.quoted(f"{e}.{name}")}""" for name in ("mode", "organization", "origin")),
        _told(r, "reason", f"{d}.reason"),
        _told(r, "resource_updated_at", f"{e}.resource_updated_at"),
        f"""', "result": ' || {r.quoted(f"{e}.result")}""",
        f"""', "size": ' || {r.quoted(f"{d}.size")}""",
        _told(r, "told_status", f"{e}.told_status"),
        f"""', "topic": ' || {r.quoted(f"{e}.topic")}""",
    )


def _object(*members: str) -> str:
    return f"'{{' || {' || '.join(members)} || '}}'"


def _told(reader: Reader, name: str, column: str) -> str:
    return _maybe(column, f"""', "{name}": ' || {reader.quoted(column)}""")


def _maybe(column: str, text: str) -> str:
    return f"CASE WHEN {column} IS NULL THEN '' ELSE {text} END"
