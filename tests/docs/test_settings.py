"""Settings are documented as they are, and nothing else is."""

from __future__ import annotations

import re

import pytest
from pydantic import SecretStr

from service import settings
from tests.docs.pages import PAGES, ROOT, name_of, rows, section

_NAMED = re.compile(rf"\b{settings.PREFIX}[A-Z_]*[A-Z]\b")


def _default(name: str) -> str:
    field = settings.Settings.model_fields.get(name.removeprefix(settings.PREFIX).lower())
    value = field.get_default(call_default_factory=True) if field else ""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    shown = str(text).lower() if isinstance(text, bool) else str(text)
    return f"`{shown}`" if text not in ("", {}, ()) else "none"


def test_the_reference_is_what_the_settings_say_of_themselves() -> None:
    told = {row[0].strip("`"): (row[1], row[3]) for row in rows(section("docs/operations.md", "Settings"))}
    assert told == {name: (_default(name), meaning) for name, meaning in settings.variables().items()}
    assert list(told) == list(settings.variables())


def test_what_a_process_needs_is_marked() -> None:
    told = {row[0].strip("`"): row[2] for row in rows(section("docs/operations.md", "Settings"))}
    needed = {f"{settings.PREFIX}{name.upper()}" for names in settings.NEEDED.values() for name in names}
    assert {name for name, used in told.items() if "needed" in used} == needed


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_names_only_settings_that_exist(page: object) -> None:
    text = page.read_text("utf-8")  # type: ignore[attr-defined]
    assert set(_NAMED.findall(text)) <= set(settings.variables())


def test_the_example_lists_every_setting() -> None:
    named = set(_NAMED.findall((ROOT / ".env.example").read_text("utf-8")))
    assert named == set(settings.variables())
