"""Which Copydesk this is."""

from __future__ import annotations

from functools import cache
from importlib import metadata


@cache
def version() -> str:
    """The version of the installed package; of a checkout that is not installed, that there is none."""
    try:
        return metadata.version("copydesk")
    except metadata.PackageNotFoundError:
        return "not installed"
