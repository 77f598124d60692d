"""Cells of CSV that nothing interprets: no spreadsheet takes one for a formula, and no terminal for an order. Pure.

https://owasp.org/www-community/attacks/CSV_Injection: a text that begins like a formula gets an apostrophe before it,
which spreadsheets take for "this is text". Numbers of ours are never negative and need none.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Sequence
from typing import Any

from service.text import UNSAFE

# Also behind blanks, which some programs skip, and in the full-width forms, which some take for the same.
_FORMULA = re.compile(r"[\s\ufeff]*[=+\-@|%\uff1d\uff0b\uff0d\uff20]")
_HARMLESS = frozenset(string.ascii_letters + string.digits + "{[(")
_KEPT = {"\n": "\n", "\t": " ", "\r": ""}


def inert(cell: Any) -> Any:
    """One cell, harmless; what is no text stays as it is."""
    if not isinstance(cell, str):
        return cell
    if UNSAFE.search(cell):
        cell = UNSAFE.sub(lambda found: _KEPT.get(found[0], "\N{REPLACEMENT CHARACTER}"), cell)
    return f"'{cell}" if _FORMULA.match(cell) else cell


def inert_part(part: Sequence[tuple[Any, ...]], texts: Sequence[int]) -> Sequence[tuple[Any, ...]]:
    """Some rows with such cells.

    A column in which nothing is suspect, which is nearly every one, is only looked at as a whole: that is what makes
    a million rows a matter of seconds.

    Args:
        part: the rows.
        texts: the places of the columns that hold text of any kind; the others are numbers, times and digits of ours.
    """
    columns: list[Sequence[Any]] = list(zip(*part, strict=True))
    suspect = [at for at in texts if not _is_harmless(columns[at])]
    for at in suspect:
        columns[at] = [inert(cell) for cell in columns[at]]
    return list(zip(*columns, strict=True)) if suspect else part


def _is_harmless(cells: Iterable[str | None]) -> bool:
    """Whether every cell begins with a letter or a digit and nothing in them is unprintable; None is no cell."""
    found = [cell for cell in cells if cell]
    # What is unsafe to print is never printable in Python's sense, which a test holds.
    return _HARMLESS.issuperset({cell[0] for cell in found}) and " ".join(found).isprintable()
