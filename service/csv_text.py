"""CSV that no spreadsheet takes for formulas. Pure.

Text that a spreadsheet would compute, or that would move a terminal's cursor, is made inert:
https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from service.text import line

# Blanks of any kind, and full-width letters that some programs read as their narrow ones, may stand before a formula.
_FORMULA = re.compile(r"[\s\ufeff\u200b\ufffd]*[=+\-@|%＝＋－＠｜％\x00-\x1f\x7f-\x9f]")  # noqa: RUF001 - full-width on purpose
_HARMLESS_FIRST = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789{[\"'(/#.…→")
_ROWS_AT_ONCE = 1_000


def cell(value: object) -> object:
    """One value as a cell: what a spreadsheet shows and does not compute."""
    if type(value) is str:
        # Nearly all text begins with a letter or digit and can be printed as it is.
        return value if value[:1] in _HARMLESS_FIRST and value.isprintable() else _inert(value)
    if value is None or type(value) is int:
        return value
    return _converted(value)


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """A heading and rows as CSV, every cell quoted, in pieces of many lines; memory stays flat.

    Lines end in CR LF: https://www.rfc-editor.org/rfc/rfc4180
    """
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow([cell(name) for name in columns])
    for number, row in enumerate(rows, 1):
        writer.writerow(map(cell, row))
        if number % _ROWS_AT_ONCE == 0:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


def csv_part(part: Sequence[tuple[Any, ...]], texts: Collection[int]) -> str:
    """Some rows as CSV, as `csv.writer` writes them by default once each text of theirs is such a cell.

    A column in which nothing is suspect, which is nearly every one, is only looked at as a whole, and cells are put
    together as they are: that is what makes a million rows a matter of seconds. `csv.writer` looks at every sign.

    Args:
        part: the rows, of two cells or more.
        texts: the places of the columns that hold text of any kind; the others are numbers, times and digits of ours.
    """
    columns = [_texts(cells) if at in texts else _present(cells) for at, cells in enumerate(zip(*part, strict=True))]
    form = ",".join(["%s"] * len(columns)) + "\r\n"
    return "".join([form % row for row in zip(*columns, strict=True)])


def _texts(cells: Sequence[str | None]) -> Iterable[object]:
    """The cells of a column of text."""
    found = list(filter(None, cells))
    whole = " ".join(found)
    # What is unsafe to print is never printable in Python's sense, which a test holds.
    if not (_HARMLESS_FIRST.issuperset({text[0] for text in found}) and whole.isprintable()):
        return [_quoted(str(cell(text))) if text else "" for text in cells]
    if '"' in whole or "," in whole:
        return [_quoted(text) if text else "" for text in cells]
    return cells if len(found) == len(cells) else _present(cells)


def _present(cells: Sequence[Any]) -> Iterable[object]:
    """The cells of a column; what is None is an empty one."""
    return ["" if one is None else one for one in cells] if None in cells else cells


def _quoted(text: str) -> str:
    """A cell without control characters, in quotes where a reader needs them."""
    return '"' + text.replace('"', '""') + '"' if '"' in text or "," in text else text


def _inert(text: str) -> str:
    """Text without control characters, and with a sign before it that keeps it text."""
    # Judged as it came: a control at its beginning is a way to hide what follows.
    formula = _FORMULA.match(text)
    clean = line(text, len(text))
    return f"'{clean}" if formula else clean


def _converted(value: object) -> object:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, Mapping | list | tuple):
        return _inert(json.dumps(value, sort_keys=True, default=_plain))
    return _inert(str(value))


def _plain(value: Any) -> str:
    return str(_converted(value))
