"""What the pages show as code runs, and what they show as data is data."""

from __future__ import annotations

import configparser
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

from tests.docs.pages import PAGES, Block, blocks, name_of

_FILE = re.compile(r"# ((?:handlers|service)/[\w/]+)\.py\n")
_COPYDESK = "127.0.0.1:8080"
PYTHON = [page for page in PAGES if blocks(page, "python")]


class _Kept(BaseHTTPRequestHandler):
    """Answers 200 to whatever is posted, as Copydesk would."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where somebody listens in place of the Copydesk that pages tell of."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Kept) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("page", PYTHON, ids=name_of)
def test_the_python_of_a_page_runs_from_top_to_bottom(
    page: Path, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shared: dict[str, Any] = {"__name__": "page"}
    for block in blocks(page, "python"):
        before = dict(shared)
        exec(_compiled(block, address), shared)  # noqa: S102 - this is the page's own code
        if file := _FILE.match(block.text):
            _stand_in(monkeypatch, file[1].replace("/", "."), shared, before)
        for promise in _promises(shared, before):
            promise()


@pytest.mark.parametrize("page", PYTHON, ids=name_of)
def test_a_page_shows_a_test_where_it_shows_a_file(page: Path) -> None:
    files = [block for block in blocks(page, "python") if _FILE.match(block.text)]
    tests = [block for block in blocks(page, "python") if "def test_" in block.text]
    assert len(tests) >= len(files)


def test_the_first_handler_is_ten_lines_and_its_test_is_one() -> None:
    first = blocks(next(page for page in PYTHON if page.name == "handlers.md"), "python")
    file, test = (next(b.text for b in first if mark in b.text) for mark in ("# handlers/", "def test_"))
    assert len(file.strip().splitlines()[1:]) == 10
    assert len(test.strip().partition("def test_")[2].splitlines()[1:]) == 1


@pytest.mark.parametrize("block", [b for page in PAGES for b in blocks(page, "python")], ids=str)
def test_python_is_no_wider_than_the_code(block: Block) -> None:
    assert max(map(len, block.text.splitlines())) <= 120


@pytest.mark.parametrize("block", [b for page in PAGES for b in blocks(page, "json")], ids=str)
def test_json_is_json(block: Block) -> None:
    assert json.loads(block.text)


@pytest.mark.parametrize("block", [b for page in PAGES for b in blocks(page, "ini")], ids=str)
def test_units_can_be_read(block: Block) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.read_string(block.text)
    assert parser.has_option("Service", "ExecStart")


def _compiled(block: Block, address: str) -> Any:
    # Line numbers of the page, so that a failure leads there.
    text = "\n" * (block.line - 1) + block.text.replace(_COPYDESK, address)
    return compile(text, name_of(block.page), "exec")


def _stand_in(monkeypatch: pytest.MonkeyPatch, name: str, shared: dict[str, Any], before: dict[str, Any]) -> None:
    """Make a shown file importable under its name, unless the real one is."""
    if find_spec(name) is None:
        module = ModuleType(name)
        vars(module).update({key: value for key, value in shared.items() if before.get(key) is not value})
        monkeypatch.setitem(sys.modules, name, module)


def _promises(shared: dict[str, Any], before: dict[str, Any]) -> list[Callable[[], None]]:
    return [
        value
        for name, value in shared.items()
        if name.startswith("test_") and isinstance(value, FunctionType) and before.get(name) is not value
    ]
