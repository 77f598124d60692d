"""What tables and columns hold, in the words of docs/schema.md: `python -m service.export.words` takes them over.

An installed Copydesk has no docs folder, so the words lie beside this file; a test holds that they are the page's.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

_KEPT = Path(__file__).with_name("words.json")
_PAGE = Path(__file__).parents[2] / "docs" / "schema.md"
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


@cache
def words() -> dict[str, Any]:
    """By table: `about`, and `columns` by name, each with what it holds and what changes it."""
    told: dict[str, Any] = json.loads(_KEPT.read_text("utf-8"))
    return told


def read_page(text: str) -> dict[str, Any]:
    """Take the words from the page."""
    found = {}
    for name, section in re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL):
        about = " ".join(section.partition("\n|")[0].split())
        cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in section.splitlines() if line.startswith("| `")]
        columns = {cell[0].strip(" `"): [_plain(cell[1]), _plain(cell[2])] for cell in cells}
        found[name] = {"about": _plain(about), "columns": columns}
    return found


def _plain(text: str) -> str:
    return _LINK.sub(r"\1", text).replace("`", "").strip()


def spell(told: dict[str, Any]) -> str:
    """The text of the file."""
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    _KEPT.write_text(spell(read_page(_PAGE.read_text("utf-8"))), "utf-8")
