"""CSV that no spreadsheet takes for formulas. Pure.

Text that a spreadsheet would compute, or that would move a terminal's cursor, is made inert:
https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
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


def inert_part(part: Sequence[tuple[Any, ...]], texts: Sequence[int]) -> Sequence[tuple[Any, ...]]:
    """Some rows whose texts are such cells; what else is in them stays as it is.

    A column in which nothing is suspect, which is nearly every one, is only looked at as a whole: that is what makes
    a million rows a matter of seconds.

    Args:
        part: the rows.
        texts: the places of the columns that hold text of any kind; the others are numbers, times and digits of ours.
    """
    columns: list[Sequence[Any]] = list(zip(*part, strict=True))
    suspect = [at for at in texts if not _is_harmless(columns[at])]
    for at in suspect:
        columns[at] = [cell(one) for one in columns[at]]
    return list(zip(*columns, strict=True)) if suspect else part


def _is_harmless(cells: Iterable[str | None]) -> bool:
    """Whether every cell begins harmlessly and nothing in them is unprintable; None is no cell."""
    found = [cell for cell in cells if cell]
    # What is unsafe to print is never printable in Python's sense, which a test holds.
    return _HARMLESS_FIRST.issuperset({cell[0] for cell in found}) and " ".join(found).isprintable()


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
