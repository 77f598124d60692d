"""The file to which heads are published: notes with an empty line between them, only ever appended to."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from service.errors import ConfigurationError, NoteMalformed, Unavailable
from service.merkle.notes import Head, Note

NAME = "COPYDESK_CHECKPOINTS_FILE"
# A head and its signatures, wherever they stand: what else is in the file, such as the beginning of a note that a
# full disk cut off, is passed over.
_NOTE = re.compile(r"^[^\n]+\n[0-9]+\n[A-Za-z0-9+/=]+\n\n(?:\N{EM DASH} [^\n]+\n)+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Published:
    """A head as it was published, and its note, of which nothing is checked yet."""

    head: Head
    note: Note


def read(file: Path) -> list[Published]:
    """The heads that a file holds, in its order; none where there is no file yet.

    Raises:
        ConfigurationError: it cannot be read, or its directory is not there.
    """
    if not file.absolute().parent.is_dir():
        raise ConfigurationError([f"{NAME}: there is no directory {file.absolute().parent}"])
    try:
        return heads_in(file.read_text("utf-8", "replace"))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigurationError([f"{NAME}: {file}: {error.strerror}"]) from None


def heads_in(text: str) -> list[Published]:
    """The heads that a text holds, in its order."""
    found = []
    for match in _NOTE.finditer(text):
        try:
            note = Note.from_text(match[0])
            found.append(Published(Head.from_text(note.text), note))
        except NoteMalformed:
            continue
    return found


def forks(heads: Iterable[Published]) -> list[Published]:
    """Heads that say another root than one before them, of the same log at the same size: no log has both."""
    roots: dict[tuple[str, int], bytes] = {}
    return [one for one in heads if roots.setdefault((one.head.origin, one.head.size), one.head.root) != one.head.root]


def append(file: Path, note: str) -> bool:
    """Put a note at the end of a file and on the disk; nothing where its head is there already.

    Two processes that do so at one moment wait for each other.

    Returns:
        Whether it was not there before.

    Raises:
        Unavailable: it cannot be written just now.
    """
    try:
        # For everybody to read: it holds no secret, and others are to keep it.
        descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            missing = _missing(_contents(descriptor), note)
            if not missing:
                return False
            while missing:
                missing = missing[os.write(descriptor, missing) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _sync_directory(file)
    except OSError as error:
        raise Unavailable(f"{file}: {error.strerror}") from error
    return True


def _contents(descriptor: int) -> str:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, size, 0).decode("utf-8", "replace")


def _missing(there: str, note: str) -> bytes:
    """What must be appended, so that the note is in the file."""
    wanted = Head.from_text(Note.from_text(note).text)
    if any(one.head == wanted for one in heads_in(there)):
        return b""
    whole = [match.end() for match in _NOTE.finditer(there)]
    rest = there[whole[-1] if whole else 0 :].removeprefix("\n")
    if rest and note.startswith(rest):
        return note.removeprefix(rest).encode()  # the same note, cut off the last time
    gap = "\n\n" if rest else "\n" if there else ""
    return f"{gap}{note}".encode()


def _sync_directory(file: Path) -> None:
    """Make sure that a new file's name is on the disk too."""
    descriptor = os.open(file.absolute().parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
