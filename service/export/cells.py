"""Cells of CSV that nothing interprets: no spreadsheet takes one for a formula, and no terminal for an order. Pure.

https://owasp.org/www-community/attacks/CSV_Injection: a text that begins like a formula gets an apostrophe before it,
which spreadsheets take for "this is text". Numbers of ours are never negative and need none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from service.text import UNSAFE

# Also behind blanks, which some programs skip, and in the full-width forms, which some take for the same.
_FORMULA = re.compile(r"[\s\ufeff]*[=+\-@|%\uff1d\uff0b\uff0d\uff20]")
_KEPT = {"\n": "\n", "\t": " ", "\r": ""}


def inert(cell: Any) -> Any:
    """One cell, harmless; what is no text stays as it is."""
    if not isinstance(cell, str):
        return cell
    if UNSAFE.search(cell):
        cell = UNSAFE.sub(lambda found: _KEPT.get(found[0], "\N{REPLACEMENT CHARACTER}"), cell)
    return f"'{cell}" if _FORMULA.match(cell) else cell


def inert_rows(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[Any]]:
    """Rows of such cells."""
    safe = inert
    for row in rows:
        yield [safe(cell) for cell in row]
