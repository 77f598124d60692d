"""One file for each table: CSV for people and spreadsheets, NDJSON for programs and auditors."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO

from service.csv_text import inert_part
from service.export.reading import Row

Parts = Iterable[list[Row]]
_encode = json.JSONEncoder(separators=(",", ":")).encode


def write_csv(place: Path, names: Sequence[str], parts: Parts, texts: Sequence[int]) -> int:
    """Write rows as https://www.rfc-editor.org/rfc/rfc4180 has it; the number of rows.

    Args:
        place: the file; it must not be there.
        names: of the columns.
        parts: the rows, some at a time.
        texts: the places of the columns whose text may be hostile.
    """

    def write(opened: IO[str]) -> int:
        writer = csv.writer(opened)
        writer.writerow(names)
        number = 0
        for part in parts:
            writer.writerows(inert_part(part, texts))
            number += len(part)
        return number

    return _written(place, write)


def write_ndjson(place: Path, names: Sequence[str], parts: Parts, _texts: Sequence[int] = ()) -> int:
    """Write rows as one JSON object a line, in ASCII, so that nothing in them is interpreted; the number of rows."""

    def write(opened: IO[str]) -> int:
        number = 0
        for part in parts:
            opened.write("".join([_encode(dict(zip(names, row, strict=True))) + "\n" for row in part]))
            number += len(part)
        return number

    return _written(place, write)


def _written(place: Path, write: Callable[[IO[str]], int]) -> int:
    with place.open("x", encoding="utf-8", newline="") as opened:
        return write(opened)
