"""How the log stands beside what was published of it: a database that is behind must not go on as if nothing were."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from service.audit.published import Published, forks, read
from service.audit.sequencer import UNSIGNED
from service.errors import NoteUnverified
from service.merkle.notes import Signer, Verifier
from service.settings import Settings
from service.store import Store, log, log_heads
from service.store.log import Log

_CURE = "copydesk audit new-epoch --reason TEXT goes on in another epoch"


@dataclass(frozen=True, slots=True)
class Standing:
    """The log here, and the newest of its heads elsewhere.

    Attributes:
        name: of the log, without an epoch.
        log: the epoch that is written here; None where there is none yet.
        epoch: the newest epoch of which a head was published; 0 where none was.
        newest: its greatest head.
        trouble: why nothing may be signed any more, in one sentence; None where all is well.
    """

    name: str
    log: Log | None
    epoch: int = 0
    newest: Published | None = None
    trouble: str | None = None


def signers_of(settings: Settings) -> list[Signer]:
    """The keys of the settings, in their order."""
    return [Signer.from_secret(secret.get_secret_value()) for secret in settings.audit_key]


def look(settings: Settings, store: Store) -> Standing:
    """Compare the log with the file of the settings.

    Raises:
        ConfigurationError: the file cannot be read.
        StoreUnavailable: as `Store.read`.
    """
    heads = read(Path(settings.checkpoints_file)) if settings.checkpoints_file else []
    signer = next(iter(signers_of(settings)), None)
    with store.read() as connection:
        where = f"published in {settings.checkpoints_file}"
        return compare(connection, heads, signer.verifier if signer else None, where)


def lost_file(settings: Settings, store: Store) -> str | None:
    """The file of the settings, where heads were published to a file and it is not there."""
    file = settings.checkpoints_file
    if not file or Path(file).exists():
        return None
    with store.read() as connection:
        return file if log_heads.ever_published(connection, "file") else None


def compare(
    connection: sa.Connection, published: Sequence[Published], signer: Verifier | None, where: str = "published"
) -> Standing:
    """Compare the log with published heads; heads of other logs are passed over.

    Args:
        connection: a snapshot.
        published: the heads, in any order.
        signer: the key of the settings, which names a log that has no name yet.
        where: where they were published, for people.
    """
    here = log.newest(connection)
    keys = [Verifier.from_text(key.verifier) for key in log_heads.keys(connection)]
    name = name_of(here) if here else UNSIGNED
    if name == UNSIGNED and not keys:
        # Nobody signed anything here yet, so it is the key's log, or the one that the file is about.
        known = signer.name if signer else _newest_name(published)
        name = known or name
    ours = [(epoch, one) for one in published if (epoch := epoch_of(name, one.head.origin))]
    if not ours:
        return Standing(name, here)
    epoch, newest = max(ours, key=lambda found: (found[0], found[1].head.size))
    checked = [*keys, signer] if signer else keys
    trouble = _trouble(connection, here, epoch, newest, checked, where) or _forked(ours, here, where)
    return Standing(name, here, epoch, newest, trouble)


def _trouble(
    connection: sa.Connection, here: Log | None, epoch: int, newest: Published, keys: Iterable[Verifier], where: str
) -> str | None:
    head, size = newest.head, here.size if here else 0
    if here is not None and here.epoch > epoch:
        return None
    if _is_forged(newest, keys):
        return f"the head of {head.origin} at {head.size} in {where} has a wrong signature: somebody changed it"
    if here is None or here.epoch < epoch:
        told = f"the audit log is in epoch {here.epoch} with {size} entries" if here else "the audit log is empty"
        return f"{told}, and {head.origin} with {head.size} was {where}: {_CURE}"
    if size < head.size:
        return f"the audit log {here.origin} has {size} entries, and {head.size} were {where}: {_CURE}"
    if _root_at(connection, here, head.size) != head.root:
        told = f"the audit log {here.origin} has {size} entries, and others than the {head.size} that were {where}"
        return f"{told}: {_CURE}"
    return None


def _forked(ours: Sequence[tuple[int, Published]], here: Log | None, where: str) -> str | None:
    """What to say of two heads of one size, unless the log is in a later epoch already."""
    since = here.epoch if here else 0
    for one in forks(head for epoch, head in ours if epoch >= since):
        told = f"two heads of {one.head.origin} with {one.head.size} entries and different roots were {where}"
        return f"{told}: two databases went on under one name: {_CURE}"
    return None


def _root_at(connection: sa.Connection, here: Log, size: int) -> bytes:
    """The root at a size. Ours of a published head is taken from its row: who looks for tampering verifies."""
    kept = log_heads.published_at(connection, here.epoch, size)
    if kept is not None:
        return kept.root
    return here.frontier.root if size == here.size else log.frontier_at(connection, here.epoch, size).root


def _is_forged(newest: Published, keys: Iterable[Verifier]) -> bool:
    """Tell whether it says to be signed by a known key, and is not; one of unknown keys cannot be judged."""
    known = list(keys)
    ids = {(key.name, key.key_id) for key in known}
    if not any((name, id_) in ids for name, id_, _ in newest.note.signatures):
        return False
    try:
        newest.note.signed_by(known)
    except NoteUnverified:
        return True
    return False


def name_of(here: Log) -> str:
    """The log's name without its epoch."""
    return here.origin.removesuffix(f"/{here.epoch}") if here.epoch > 1 else here.origin


def epoch_of(name: str, origin: str) -> int | None:
    """Which epoch of the log an origin names; None for another log."""
    if origin == name:
        return 1
    number = origin.removeprefix(f"{name}/")
    return int(number) if number != origin and number.isascii() and number.isdecimal() and number[0] != "0" else None


def _newest_name(published: Sequence[Published]) -> str | None:
    """The name of the log whose head was published last."""
    if not published:
        return None
    origin = published[-1].head.origin
    name, _, number = origin.rpartition("/")
    return name if name and number.isascii() and number.isdecimal() else origin
