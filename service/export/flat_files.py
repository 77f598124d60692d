"""One file for each table: CSV for people and spreadsheets, NDJSON for programs and auditors."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO

from service.export.cells import inert_rows
from service.export.reading import Row

Parts = Iterable[list[Row]]
_encode = json.JSONEncoder(separators=(",", ":")).encode


def write_csv(place: Path, names: Sequence[str], parts: Parts) -> int:
    """Write rows as https://www.rfc-editor.org/rfc/rfc4180 has it; the number of rows."""

    def write(opened: IO[str]) -> int:
        writer = csv.writer(opened)
        writer.writerow(names)
        number = 0
        for part in parts:
            writer.writerows(inert_rows(part))
            number += len(part)
        return number

    return _written(place, write)


def write_ndjson(place: Path, names: Sequence[str], parts: Parts) -> int:
    """Write rows as one JSON object a line, in ASCII; the number of rows."""

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
