"""The pages for people, read as their readers do: headings, tables, blocks, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]\n]+\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        page: the file it stands in.
        line: the number of its first line of text.
        language: the word behind the fence, empty for none.
    """

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{name_of(self.page)}:{self.line}"


def name_of(page: Path) -> str:
    """How a failing test names a page."""
    return str(page.relative_to(ROOT))


def page(name: str) -> str:
    """The text of one page."""
    return (ROOT / name).read_text("utf-8")


def blocks(of: Path, *languages: str) -> list[Block]:
    """The fenced blocks of a page, of these languages where any are named."""
    text = of.read_text("utf-8")
    found = [Block(of, text[: m.start(2)].count("\n") + 1, m[1], m[2]) for m in _FENCE.finditer(text)]
    return [block for block in found if not languages or block.language in languages]


def prose(of: Path) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", of.read_text("utf-8"))


def code_spans(text: str) -> list[str]:
    """What stands between single backquotes."""
    return _CODE.findall(text)


def links(of: Path) -> list[str]:
    """Where a page's links lead."""
    return _LINK.findall(prose(of))


def anchors(of: Path) -> set[str]:
    """The names under which a page's headings can be linked to."""
    headings = re.findall(r"^#+ (.+)$", prose(of), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def section(name: str, heading: str) -> str:
    """What stands under a heading of a page, up to the next one of its level."""
    text = page(name)
    found = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert found, f"{name} has no heading {heading!r}"
    rest = text[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def rows(text: str) -> Iterator[list[str]]:
    """The cells of every row of every table, headings left out."""
    previous = ""
    for line in text.splitlines():
        if line.startswith("|") and previous and not set(line) <= set("|- "):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        # A table's first line is its heading; the dashes below it begin the rows.
        previous = line if line.startswith("|") and (previous or set(line) <= set("|- ")) else ""


def words(text: str, column: int = 0) -> list[str]:
    """One column of the tables of a text, without backquotes."""
    return [row[column].strip("`") for row in rows(text)]
