"""Files and directories that are there whole or not at all: written beside their place, synced, then given their name.

Nothing that is there is ever overwritten. Whoever is killed leaves a name that begins with a dot and ends with
`.partial`; the next one who writes to the same place takes it away.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from service.errors import FileUnusable

_BLOCK = 1 << 20


@contextmanager
def whole_file(place: Path, *, mode: int = 0o600, clear: Callable[[], object] | None = None) -> Iterator[Path]:
    """A file to write, which gets its name when the block ends without an error.

    Args:
        place: where it will be.
        mode: who may read and write it, less the umask.
        clear: where something may be at the place: moves it aside, at the last moment.

    Yields:
        An empty file in the same directory. SQLite may open it; close it before the block ends.

    Raises:
        FileUnusable: there is something at the place already, or it cannot be written.
    """
    beside = _beside(place, may_be_taken=clear is not None)
    try:
        os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode))
        yield beside
        sync(beside)
        if clear:
            clear()
        # A link, since a rename would take the place of what somebody else put there meanwhile.
        os.link(beside, place)
        sync(place.parent)
    except OSError as error:
        raise FileUnusable(f"{place} cannot be written: {error.strerror or error}") from error
    finally:
        for name in (beside.name, f"{beside.name}-wal", f"{beside.name}-shm", f"{beside.name}-journal"):
            beside.with_name(name).unlink(missing_ok=True)


@contextmanager
def whole_directory(place: Path) -> Iterator[Path]:
    """A directory to fill, which gets its name when the block ends without an error.

    Raises:
        FileUnusable: there is something at the place already, or it cannot be written.
    """
    beside = _beside(place)
    try:
        beside.mkdir(mode=0o700)
        yield beside
        for path in beside.iterdir():
            sync(path)
        sync(beside)
        # A rename replaces nothing but an empty directory.
        beside.rename(place)
        sync(place.parent)
    except OSError as error:
        raise FileUnusable(f"{place} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def sync(path: Path) -> None:
    """Wait until a file or a directory is on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def digest_of(path: Path, told: Callable[[int], object] = lambda _: None) -> str:
    """SHA-256 of a file, in hexadecimal; `told` hears how many bytes more were read."""
    found = sha256()
    with path.open("rb") as opened:
        while block := opened.read(_BLOCK):
            found.update(block)
            told(len(block))
    return found.hexdigest()


def _beside(place: Path, *, may_be_taken: bool = False) -> Path:
    """A name beside the place that nobody takes for the thing itself; what killed processes left there goes.

    Raises:
        FileUnusable: the place is taken, or there is no directory to put it into.
    """
    if not place.parent.is_dir():
        raise FileUnusable(f"{place.parent} is not a directory: make it first")
    if os.path.lexists(place) and not may_be_taken:
        raise FileUnusable(f"{place} is there already, and nothing is overwritten: name another place")
    for path in place.parent.glob(f".{glob_safe(place.name)}.*.partial*"):
        owner = re.match(r"(\d+)\.partial", path.name.removeprefix(f".{place.name}."))
        if owner and not _is_alive(int(owner[1])):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return place.with_name(f".{place.name}.{os.getpid()}.partial")


def glob_safe(name: str) -> str:
    """A name in which a pattern finds nothing but itself."""
    return re.sub(r"([*?\[])", r"[\1]", name)


def _is_alive(process: int) -> bool:
    with suppress(ProcessLookupError):
        with suppress(PermissionError):
            os.kill(process, 0)
        return True
    return False
