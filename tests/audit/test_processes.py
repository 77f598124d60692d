"""The processes that share a verification."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from service.audit.verification.places import Place
from service.audit.verification.processes import spread
from service.audit.verification.tasks import Task
from service.errors import EvidenceUnreadable


class Deadly:
    """Ends the process that takes it in, as a file does that is cut short while it is mapped."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (1,)


def test_a_process_that_dies_is_told_and_nothing_is_said_to_hold(migrated_file: Path) -> None:
    tasks = [Task("waiting", (Deadly(),), 1)]
    with pytest.raises(EvidenceUnreadable, match="died: is there memory left, and the whole file"):
        list(spread((Place(migrated_file), (), None), tasks, processes=2, total=1_000_000))
