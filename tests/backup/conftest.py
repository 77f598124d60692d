"""What the tests of backups share: a way to call commands."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from service.cli import copydesk

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Calls a command in this process, without a terminal."""
    return lambda *words: CliRunner().invoke(copydesk, [str(word) for word in words], prog_name="copydesk")
