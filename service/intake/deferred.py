"""Placeholder until the CLI branch brings the real one."""

from typing import Any


def read_deferred(store: Any, door: Any) -> None:
    """Nothing."""
