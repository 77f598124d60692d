"""Hostile text in any field that can be shown comes out inert: in the terminal, in CSV, in JSON, in HTML around it."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from service.csv_text import cell
from service.store import Store, open_store
from service.store.audit import entry, write_audit
from service.store.keep import keep
from service.store.schema import attempts, events, follow_ups, incidents, states
from tests.bodies import NOW, arrival, copy
from tests.cli.conftest import Run, settings_of

HOSTILE = {
    # Only the beginning makes a formula, so each of these has a text of its own.
    "formula": "=cmd|' /C calc'!A0",
    "hidden formula": "\t \u00a0=1+1",
    "full-width": "\uff1d1+1",
    "minus": "-2+3",
    "controls": (
        "a\x1b[31mred\x1b[0m\x1b]8;;https://example.com\x07link\x9b2J\u202egnp.exe\u2066\u2069\u200b\ufeff"
        "one\r\nSet-Cookie: two\u2028three\x85four\x00five\ud800six\U000e0041\U000e007f"
    ),
    "markup": (
        "[bold red]x[/] [link=https://example.com]y[/link] {topic} %s \"'`;--\\ "
        "</script><script>alert(1)</script><img src=x onerror=alert(1)>&lt;"
    ),
    "huge": "A" * 20_000,
}
LISTS = (
    *("events", "events ID", "follow-ups", "follow-ups ID", "audit", "audit SUBJECT", "incidents", "timeline SUBJECT"),
    *("events --facets", "audit --facets", "follow-ups --facets", "incidents --facets", "events --quarantine"),
    *("search TEXT", "query SQL"),
)
SQL = "SELECT * FROM events JOIN audit_entries ON 1 JOIN attempts JOIN follow_ups f JOIN states JOIN incidents LIMIT 20"
_UNSAFE = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]|[\U000e0000-\U000e007f]"
)
SUBJECT = "order_copies/XAyRWNUzyN"


@contextmanager
def spoilt(url: str, text: str) -> Iterator[Store]:
    """A store in which every text that came from outside is this one; also where the intake would not let it in."""
    store = open_store(url)
    kept = text.replace("\x00", "").encode("utf-8", "replace").decode()
    with store.write() as connection:
        body = copy("XAyRWNUzyN", "failed", source_order="qAlMhokOGm", errors_log={"base": [kept]}, reference=kept)
        keep(connection, [arrival("order_copies.fail", body), arrival("orders.place", kept.encode())])
        detail = {"text": text, "reason": text, "error": text, "detail": text, "findme": "findme"}
        write_audit(
            connection, [entry(NOW, SUBJECT, f"operator {kept}", action, detail) for action in ("note", kept[:99])]
        )
        write_audit(connection, [entry(NOW, SUBJECT, "intake", "note", {"text": f"findme {text}"})])
        connection.execute(sa.update(events).values(told_status=kept, error=kept, topic=kept))
        connection.execute(sa.update(follow_ups).values(cause=kept, result=kept, kind=kept))
        connection.execute(sa.update(states).values(status=kept))
        tried = {"follow_up_id": 1, "number": 1, "start": 1, "worker": kept, "started_at": NOW, "finished_at": NOW}
        connection.execute(sa.insert(attempts).values(**tried, result="failed", detail=kept, request_id=kept))
        told = {"fingerprint": kept, "kind": kept, "subject": SUBJECT, "cause": kept, "detail": kept, "status": "open"}
        connection.execute(sa.insert(incidents).values(**told, count=1, first_seen_at=NOW, last_seen_at=NOW))
    yield store
    store.close()


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_it_comes_out_inert_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run, name: str) -> None:
    """No control, no turn of direction, no formula, no markup that is obeyed; and every value is still there."""
    url = f"sqlite:///{tmp_path}/copydesk.db"
    for setting, value in settings_of(url).items():
        monkeypatch.setenv(setting, value)
    values = {"ID": "1", "SUBJECT": SUBJECT, "TEXT": "findme", "SQL": SQL}
    with spoilt(url, HOSTILE[name]):
        for one in LISTS:
            arguments = [values.get(word, word) for word in one.split()]
            table = run(*arguments)
            assert table.exit_code == 0, (one, table.output)
            assert table.stdout.count("\n") > 1, one
            assert not _UNSAFE.search(table.output), one
            told = run(*arguments, "--json").stdout
            assert json.loads(told), one
            assert told.isascii(), one
            assert not set("<>&") & set(told), one
            if one.endswith(" ID"):
                continue
            lines = run(*arguments, "--ndjson").stdout
            assert all(json.loads(line) for line in lines.splitlines()), one
            assert not set("<>&") & set(lines), one
            text = run(*arguments, "--csv").stdout
            assert not _UNSAFE.search(text.replace("\r\n", "\n")), one
            for row in list(csv.reader(io.StringIO(text)))[1:]:
                assert [c for c in row if c.startswith(tuple("=+-@\uff1d\t\r"))] == [], one
                assert all(cell(c) == c or c.startswith("'") for c in row), one
