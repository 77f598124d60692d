"""Files that hold keys: for their owner alone, written whole, never printed."""

from __future__ import annotations

import os
from pathlib import Path

import click

from service.errors import ConfigurationError


def add_key(file: Path, key: str, *, add: bool) -> int:
    """Write a key to a file, before those that it holds.

    Args:
        file: the file, which only its owner may read.
        key: the new key.
        add: whether there may be others in it already, which stay behind the new one.

    Returns:
        How many others there are.

    Raises:
        BadParameter: the file is there, and nothing is to be added.
        ConfigurationError: it cannot be read or written, or holds something else.
    """
    if file.exists() and not add:
        raise click.BadParameter(f"{file} is there already: --add keeps its keys behind the new one", param_hint="FILE")
    keys = [key]
    try:
        if add:
            keys += file.read_text("utf-8").replace(",", " ").split()
        _write(file, ",".join(keys) + "\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it holds something else than keys"
        raise ConfigurationError([f"{file}: {reason}"]) from None
    return len(keys) - 1


def _write(file: Path, text: str) -> None:
    """Write a file for its owner alone, all of it or nothing."""
    beside = file.with_name(f".{file.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    beside.replace(file)
