"""Links lead somewhere, make targets exist, and every page has the form of its kind."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from service.cli import tour
from tests.docs.pages import PAGES, ROOT, anchors, blocks, code_spans, links, name_of, page, prose, rows, section, words

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
# Pages whose figures are measured last.
RECORDS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
_REQUIREMENT = re.compile(r"[\w-]+(?:\[\w+\])?")


@pytest.mark.parametrize("source", PAGES, ids=name_of)
def test_every_link_within_the_project_leads_somewhere(source: Path) -> None:
    for link in links(source):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = source if not path else (source.parent / path).resolve()
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_can_be_reached_from_the_first() -> None:
    reached, waiting = {ROOT / "README.md"}, [ROOT / "README.md"]
    while waiting:
        at = waiting.pop()
        found = {(at.parent / link.partition("#")[0]).resolve() for link in links(at) if "://" not in link}
        found |= {record for folder in found if folder.is_dir() for record in folder.glob("*.md")}
        new = {one for one in found if one.suffix == ".md"} - reached
        reached |= new
        waiting += new
    assert set(PAGES) - reached == set()


@pytest.mark.parametrize("source", PAGES, ids=name_of)
def test_nothing_on_a_page_is_still_to_be_written(source: Path) -> None:
    told = prose(source)
    assert "<!--" not in told
    assert [row for row in rows(told) if "…" in row] == []


@pytest.mark.parametrize("source", PAGES, ids=name_of)
def test_every_make_target_on_a_page_exists(source: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", page("Makefile"), re.MULTILINE))
    lines = [line for block in blocks(source, "console") for line in block.text.splitlines()]
    named = [m[1] for text in [*lines, *code_spans(prose(source))] if (m := re.match(r"make ([a-z-]+)", text))]
    assert set(named) <= targets


@pytest.mark.parametrize("record", RECORDS, ids=name_of)
def test_a_decision_has_its_number_and_four_parts(record: Path) -> None:
    text = record.read_text("utf-8")
    assert text.startswith(f"# {record.name[:4]} ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Choice", "Cost", "What would change our mind"]


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))


def test_files_that_decisions_name_exist() -> None:
    for record in RECORDS:
        for name in code_spans(record.read_text("utf-8")):
            if re.fullmatch(r"(service|handlers|tests)/[\w/]+\.py", name):
                assert (ROOT / name).is_file(), f"{record.name}: {name}"


def test_the_changelog_has_what_is_not_released() -> None:
    kinds = re.findall(r"^### (\w+)$", section("CHANGELOG.md", "[Unreleased]"), re.MULTILINE)
    assert kinds
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@pytest.mark.parametrize(
    ("heading", "named"),
    [
        ("At run time", PROJECT["project"]["dependencies"]),
        (
            "For building and development",
            [*PROJECT["dependency-groups"]["build"], *PROJECT["dependency-groups"]["dev"]],
        ),
    ],
)
def test_every_dependency_has_its_reason_and_its_licence(heading: str, named: list[Any]) -> None:
    told = section("docs/dependencies.md", heading)
    requirements = [m[0] for one in named if isinstance(one, str) and (m := _REQUIREMENT.match(one))]
    assert words(told) == requirements
    assert all(all(row) and len(row) == 4 for row in rows(told))


def test_the_lock_files_carry_hashes() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        pinned = re.findall(r"^[\w-]+(?:\[\w+\])?==\S+(.*(?:\n    --hash.*)*)", page(name), re.MULTILINE)
        assert pinned
        assert all("--hash=sha256:" in one for one in pinned), name


def test_the_first_page_is_short() -> None:
    assert len(page("README.md").splitlines()) < 200


def test_the_first_page_shows_what_a_first_look_prints() -> None:
    shown = "".join(block.text for block in blocks(ROOT / "README.md", ""))
    assert [act.says for act in tour.ACTS if act.says not in shown] == []
