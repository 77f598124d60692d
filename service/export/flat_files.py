"""One file for each table: CSV for people and spreadsheets, NDJSON for programs and auditors."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from json.encoder import encode_basestring_ascii as _spell
from pathlib import Path

from service.csv_text import csv_part
from service.export.reading import Row

Parts = Iterable[list[Row]]


def write_csv(place: Path, names: Sequence[str], parts: Parts, texts: Collection[int]) -> int:
    """Write rows as https://www.rfc-editor.org/rfc/rfc4180 has it; the number of rows.

    Args:
        place: the file; it must not be there.
        names: of the columns.
        parts: the rows, some at a time.
        texts: the places of the columns whose text may be hostile.
    """
    return _written(place, ",".join(names) + "\r\n", parts, lambda part: csv_part(part, texts))


def write_ndjson(place: Path, names: Sequence[str], parts: Parts, _texts: Collection[int] = ()) -> int:
    """Write rows as one JSON object a line, in ASCII, so that nothing in them is interpreted; the number of rows."""
    return _written(place, "", parts, lambda part: ndjson_part(names, part))


def ndjson_part(names: Sequence[str], part: list[Row]) -> str:
    """Some rows as lines, each as `json.dumps` writes it without blanks.

    By column, and put together by one form: an encoder begun for each row takes twice as long.
    """
    columns = [[_value(one) for one in cells] for cells in zip(*part, strict=True)]
    form = "{" + ",".join(f"{_spell(name)}:%s" for name in names) + "}\n"
    return "".join([form % row for row in zip(*columns, strict=True)])


def _value(value: object) -> object:
    if type(value) is str:
        return _spell(value)
    return value if type(value) is int else json.dumps(value)


def _written(place: Path, heading: str, parts: Parts, spell: Callable[[list[Row]], str]) -> int:
    number = 0
    with place.open("x", encoding="utf-8", newline="") as opened:
        opened.write(heading)
        for part in parts:
            opened.write(spell(part))
            number += len(part)
    return number
