"""Commands on the pages are commands that exist, with the options that they have."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from service.cli import commands, copydesk
from tests.docs.pages import PAGES, ROOT, blocks, code_spans, name_of, prose, section, words

# What stands for a value on a page, and a value that the command takes.
_VALUES = {
    "ID": "1",
    "EVENT": "1",
    "FOLLOW_UP": "1",
    "TEXT": "why",
    "[ID]": "1",
    "SUBJECT": "order_copies/XAyRWNUzyN",
    "TOPIC": "order_copies.fail",
}
_COMMAND = re.compile(r"^\s*(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\S*/)?copydesk( .*)?$")


def _resolved(words_: list[str]) -> tuple[str, click.Command | None, list[str]]:
    """The command that a line begins with, a command of a group where it names one, and the rest of the line."""
    name, *rest = words_
    command = copydesk.get_command(click.Context(copydesk), name)
    if isinstance(command, click.Group) and rest:
        inner, found, rest = command.resolve_command(click.Context(command), rest)
        return f"{name} {inner}", found, rest
    return name, command, rest


def _of(group: click.Group, name: str) -> click.Command:
    found = group.get_command(click.Context(group), name)
    assert found is not None, name
    return found


def _all_commands() -> dict[str, click.Command]:
    """Every command, those of groups by both names."""
    found: dict[str, click.Command] = {}
    for name in commands.COMMANDS:
        _, command, _ = _resolved([name])
        assert command
        group = command if isinstance(command, click.Group) else None
        inner = group.list_commands(click.Context(group)) if group else []
        found |= {f"{name} {one}": _of(group, one) for one in inner if group} or {name: command}
    return found


def _commands(page: Path) -> list[str]:
    lines = [line for block in blocks(page, "console", "") for line in block.text.splitlines()]
    spans = [span for span in code_spans(prose(page)) if span.startswith("copydesk ") and "…" not in span]
    found = [m[1] or "" for line in [*lines, *spans] if (m := _COMMAND.match(line))]
    return [command.partition("  #")[0].strip() for command in found]


NAMED = sorted({(name_of(page), command) for page in PAGES for command in _commands(page)})


@pytest.mark.parametrize(("page", "line"), NAMED)
def test_a_command_on_a_page_can_be_called_as_it_is_written(page: str, line: str) -> None:
    name, command, arguments = _resolved(shlex.split(line))
    assert command, f"{page}: there is no copydesk {name}"
    # A command that is only named need not be complete.
    given = [_VALUES.get(word, word) for word in arguments]
    try:
        command.make_context(name, given, resilient_parsing=not given)
    except click.MissingParameter:
        assert not any(word.startswith("-") for word in given), f"{page}: {line} lacks an option"


def test_pages_name_commands_at_all() -> None:
    assert len(NAMED) > 20


def test_the_reference_has_every_command_with_every_option() -> None:
    told = section("docs/operations.md", "Commands").partition("| exit code |")[0]
    listed = {_resolved(row.split()[1:])[0]: options for row, options in zip(words(told), words(told, 2), strict=True)}
    every = _all_commands()
    assert sorted(listed) == sorted(every)
    assert list(dict.fromkeys(name.split()[0] for name in listed)) == list(commands.COMMANDS)
    for name, command in every.items():
        taken = {o for p in command.params if isinstance(p, click.Option) for o in p.opts if o.startswith("--")}
        assert set(re.findall(r"--[\w-]+", listed[name])) == taken, name


def test_exit_codes_are_those_of_the_help() -> None:
    told = section("docs/operations.md", "Commands").partition("| exit code |")[2]
    listed = dict(re.findall(r"^\| (\d) \| (.+) \|$", told, re.MULTILINE))
    assert listed == dict(re.findall(r"^  (\d)  (.+)$", copydesk.help or "", re.MULTILINE))


def test_modules_that_pages_run_exist() -> None:
    for page in PAGES:
        for module in re.findall(r"python -m ([\w.]+)", page.read_text("utf-8")):
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), f"{name_of(page)}: {module}"


def test_operations_are_six_commands() -> None:
    for page, heading in (("README.md", "Operations in six commands"), ("docs/operations.md", "Six commands")):
        assert len(re.findall(r"^copydesk ", section(page, heading), re.MULTILINE)) == 6
