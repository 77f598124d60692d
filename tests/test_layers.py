"""The direction of the layers, and what a handler may import."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bodies import ROOT

HANDLERS = sorted((ROOT / "handlers").glob("*.py"))


def test_the_layers_hold() -> None:
    """Imports go downwards only, as the contracts in pyproject.toml say."""
    lint = "import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run(['--no-cache']))"
    done = subprocess.run([sys.executable, "-c", lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: path.stem)
def test_a_handler_knows_only_the_names_of_service(path: Path) -> None:
    """A handler imports the package `service` itself, nothing from inside it, and no other library."""
    allowed = {"service", "__future__", "datetime", "types"} | ({"handlers"} if path.stem == "__init__" else set())
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert {alias.name for alias in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            assert node.module in allowed
