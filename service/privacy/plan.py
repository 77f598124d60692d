"""What an erasure would take away: found without a lock, told before anybody is asked, and looked at again with one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from service.errors import NotErased
from service.privacy.bodies import Progress as BodyProgress
from service.privacy.bodies import holds_address, opened
from service.privacy.kin import kin
from service.privacy.mentions import Mentions, Names, Progress, search, search_newer, subjects_named
from service.privacy.traces import open_follow_ups, trace
from service.store import Store, holds, tombstones
from service.topics import KNOWN_TOPICS
from service.vault import Vault

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """Whom an erasure is about, and where they stand.

    Attributes:
        subjects: all of them, those that belong together included.
        names: what is looked for in texts; of others too, where several erasures share the look.
        mentions: the rows whose texts name them.
        apart: deliveries that became no event and name them.
    """

    subjects: tuple[str, ...]
    names: Names
    mentions: Mentions
    apart: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Extent:
    """How much that is, for people."""

    subjects: tuple[str, ...]
    events: int
    deliveries: int
    follow_ups: int
    entries: int


def plan(
    store: Store,
    vault: Vault,
    subjects: Iterable[str],
    progress: Progress = lambda _table, _rows: None,
) -> Plan:
    """Find what is kept of subjects and of all that belong to them.

    Raises:
        ConfigurationError: a body stands apart, is sealed, and none of the keys opens it.
    """
    with store.read() as connection:
        found = tuple(kin(connection, subjects))
    names = Names(frozenset(found))
    return Plan(found, names, search(store, names, progress), _apart(store, vault, names))


def plans(store: Store, vault: Vault, families: Iterable[Collection[str]], together: int) -> Iterator[Plan]:
    """Plan the erasure of families of subjects, some together, with one look through every text for all of them.

    Args:
        store: the open store.
        vault: the keys of the settings.
        families: of each, those that belong together.
        together: no more subjects in one plan, unless one family has more.

    Raises:
        ConfigurationError: as `plan`.
    """
    pieces = list(_pieces(families, together))
    names = Names(frozenset().union(*pieces))
    mentions, apart = search(store, names), _named_apart(store, vault, names)
    for piece in pieces:
        stands_apart = tuple(id_ for id_, whom in apart.items() if whom in piece)
        yield Plan(tuple(sorted(piece)), names, mentions.of(piece), stands_apart)


def _pieces(families: Iterable[Collection[str]], together: int) -> Iterator[frozenset[str]]:
    piece: frozenset[str] = frozenset()
    for family in families:
        if piece and len(piece) + len(family) > together:
            yield piece
            piece = frozenset()
        piece = piece.union(family)
    if piece:
        yield piece


def plan_for_address(
    store: Store,
    vault: Vault,
    address: str,
    progress: Progress = lambda _table, _rows: None,
    bodies: BodyProgress = lambda _id: None,
) -> Plan:
    """Find everybody whose kept bodies or texts hold an e-mail address, and all that belong to them.

    Raises:
        ConfigurationError: a body is sealed, and none of the keys opens it.
    """
    seeds: set[str] = set()
    apart: set[int] = set()
    for one in opened(store, vault):
        bodies(one.id)
        if holds_address(one.body, address):
            if one.subject is None:
                apart.add(one.id)
            else:
                seeds.add(one.subject)
    texts = search(store, Names(frozenset(), frozenset({address})), progress)
    with store.read() as connection:
        seeds |= subjects_named(connection, texts, KNOWN_TOPICS)
        found = tuple(kin(connection, seeds))
    names = Names(frozenset(found), frozenset({address}))
    mentions = search(store, names, progress)
    return Plan(found, names, mentions, tuple(sorted(apart | set(_apart(store, vault, names)))))


def _apart(store: Store, vault: Vault, names: Names) -> tuple[int, ...]:
    """Deliveries in quarantine, or waiting to be read, that name a subject."""
    return tuple(_named_apart(store, vault, names))


def _named_apart(store: Store, vault: Vault, names: Names) -> dict[int, str]:
    """The same, each with whom it names; they are read as text, since some are no JSON."""
    if not names.subjects:
        return {}
    read = ((one.id, names.named_in(one.body.decode("utf-8", "replace"))) for one in opened(store, vault, apart=True))
    return {id_: whom for id_, whom in read if whom is not None}


def renewed(connection: sa.Connection, before: Plan) -> Plan | None:
    """The plan as it is now, inside the transaction that erases; None where others belong to it meanwhile."""
    if tuple(kin(connection, before.subjects)) != before.subjects:
        return None
    mentions = search_newer(connection, before.names, before.mentions).of(before.subjects)
    return Plan(before.subjects, before.names, mentions, before.apart)


def check(connection: sa.Connection, of: Plan) -> None:
    """Refuse to erase what is held, or what somebody works on.

    Raises:
        NotErased: says which, and what to do.
    """
    if held := holds.held(connection, of.subjects):
        raise NotErased(f"under legal hold: {_some(held)}; see copydesk hold list; nothing was erased")
    if found := open_follow_ups(connection, of.subjects, of.mentions.rows.get("follow_ups", {})):
        told = _some([f"{id_} ({kind} of {subject})" for id_, kind, subject in found])
        raise NotErased(f"follow-ups are open: {told}; they end within a day, erase then; nothing was erased")


def extent(connection: sa.Connection, of: Plan) -> Extent:
    """Count what a plan is about."""
    traces = [trace(connection, subject) for subject in of.subjects]
    mentioned = of.mentions.rows.get("audit_entries", {})
    return Extent(
        of.subjects,
        sum(len(one.events) for one in traces),
        sum(len(one.deliveries) for one in traces) + len(of.apart),
        sum(len(one.follow_ups) for one in traces),
        len({id_ for one in traces for id_ in one.entries} | set(mentioned)),
    )


def erased_already(connection: sa.Connection, subject: str) -> str | None:
    """What stands in the place of a subject that was erased; None where it was not."""
    return tombstones.known(connection, [subject]).get(subject)


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
