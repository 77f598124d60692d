"""What an erasure would take away: found without a lock, told before anybody is asked, and looked at again with one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from service.errors import NotErased
from service.privacy import bodies
from service.privacy.bodies import holds_address, opened
from service.privacy.kin import farthest_first, linked, some_at_once
from service.privacy.mentions import Mentions, Names, Progress, search, search_newer, subjects_named
from service.privacy.traces import open_follow_ups, trace
from service.store import Store, holds, tombstones
from service.topics import KNOWN_TOPICS
from service.vault import Vault

_SHOWN = 5
# A transaction about so many takes some tens of milliseconds: deliveries wait two seconds at most.
TOGETHER = 12


@dataclass(frozen=True, slots=True)
class Plan:
    """Whom an erasure is about, and where they stand.

    Attributes:
        subjects: all of them, those that belong together included, in the order in which they go: those that are most
            links away from whom somebody named go first, so that what is left is always found by the same name.
        names: what is looked for in texts; of others too, where several erasures share the look.
        mentions: the rows whose texts name them.
        apart: deliveries that became no event and name them, each with whom, as in `mentions`.
        looked_at: every delivery that became no event and was looked through.
        vault: opens what stands apart and comes later.
    """

    subjects: tuple[str, ...]
    names: Names
    mentions: Mentions
    apart: Mapping[int, str]
    looked_at: frozenset[int]
    vault: Vault = field(repr=False)

    def pieces(self) -> list[list[str]]:
        """The subjects, as many at a time as go in one transaction; without any, one for the texts alone."""
        return list(some_at_once(self.subjects, TOGETHER)) or [[]]

    def of(self, subjects: Collection[str], mentioned: Collection[str] = ()) -> Plan:
        """The share of some of them, with the texts that name them or those who are mentioned."""
        wanted = {*subjects, *mentioned}
        apart = {id_: whom for id_, whom in self.apart.items() if whom in wanted}
        return replace(self, subjects=tuple(subjects), mentions=self.mentions.of(wanted), apart=apart)


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
        found = farthest_first(connection, subjects)
    return _planned(store, vault, found, Names(frozenset(found)), progress)


def _planned(store: Store, vault: Vault, subjects: tuple[str, ...], names: Names, progress: Progress) -> Plan:
    """Look for them in texts, and in bodies that stand apart."""
    mentions, (apart, looked_at) = search(store, names, progress), _named_apart(store, vault, names)
    return Plan(subjects, names, mentions, apart, looked_at, vault)


def plans(store: Store, vault: Vault, families: Iterable[Sequence[str]]) -> Iterator[Plan]:
    """Plan the erasure of families of subjects, some together, with one look through every text for all of them.

    Args:
        store: the open store.
        vault: the keys of the settings.
        families: of each, those that belong together, in the order in which they go.

    Raises:
        ConfigurationError: as `plan`.
    """
    pieces = list(_pieces(families))
    names = Names(frozenset().union(*pieces))
    everybody = _planned(store, vault, tuple(sorted(names.subjects)), names, lambda _table, _rows: None)
    yield from (everybody.of(piece) for piece in pieces)


def _pieces(families: Iterable[Sequence[str]]) -> Iterator[tuple[str, ...]]:
    """Families, so many together that they go in one transaction; a larger one stands alone."""
    piece: tuple[str, ...] = ()
    for family in families:
        if piece and len(piece) + len(family) > TOGETHER:
            yield piece
            piece = ()
        piece = (*piece, *family)
    if piece:
        yield piece


def plan_for_address(
    store: Store,
    vault: Vault,
    address: str,
    progress: Progress = lambda _table, _rows: None,
    moved: bodies.Progress = lambda _id: None,
) -> Plan:
    """Find everybody whose kept bodies or texts hold an e-mail address, and all that belong to them.

    Raises:
        ConfigurationError: a body is sealed, and none of the keys opens it.
    """
    seeds: set[str] = set()
    apart: dict[int, str] = {}
    for one in opened(store, vault):
        moved(one.id)
        if holds_address(one.body, address):
            if one.subject is None:
                apart[one.id] = ""
            else:
                seeds.add(one.subject)
    texts = search(store, Names(frozenset(), frozenset({address})), progress)
    with store.read() as connection:
        seeds |= subjects_named(connection, texts, KNOWN_TOPICS)
        found = farthest_first(connection, seeds)
    planned = _planned(store, vault, found, Names(frozenset(found), frozenset({address})), progress)
    return replace(planned, apart={**apart, **planned.apart})


def _named_apart(store: Store, vault: Vault, names: Names) -> tuple[dict[int, str], frozenset[int]]:
    """Deliveries in quarantine, or waiting to be read, that name somebody, and all that were looked through."""
    named: dict[int, str] = {}
    with store.read() as connection:
        ids = bodies.apart(connection)
    for some in some_at_once(ids):
        with store.read() as connection:
            named |= _named_among(connection, vault, names, some)
    return named, frozenset(ids)


def _named_among(connection: sa.Connection, vault: Vault, names: Names, ids: Iterable[int]) -> dict[int, str]:
    """They are read as text, since some are no JSON; an address is looked for as in every body."""
    found: dict[int, str] = {}
    for one in bodies.opened_among(connection, vault, ids):
        whom = names.named_in(one.body.decode("utf-8", "replace"))
        if whom is None and any(holds_address(one.body, address) for address in names.addresses):
            whom = ""
        if whom is not None:
            found[one.id] = whom
    return found


def renewed(connection: sa.Connection, before: Plan) -> Plan:
    """The plan with what was written and what came in since; in the transaction that erases, nothing is missing."""
    mentions = search_newer(connection, before.names, before.mentions)
    standing = bodies.apart(connection)
    more = _named_among(connection, before.vault, before.names, set(standing) - before.looked_at)
    # One that was read since belongs to its event.
    apart = {id_: whom for id_, whom in ({**before.apart, **more}).items() if id_ in set(standing)}
    looked_at = before.looked_at.union(standing)
    return replace(before, mentions=mentions, apart=apart, looked_at=looked_at).of(before.subjects, [""])


def belongs_to_more(connection: sa.Connection, whole: Plan, subjects: Collection[str]) -> bool:
    """Whether somebody is linked with these that the plan does not know."""
    return not linked(connection, set(subjects)) <= set(whole.subjects)


def check(connection: sa.Connection, of: Plan, whole: Plan | None = None) -> None:
    """Refuse to erase what is held, or what somebody works on.

    Args:
        connection: a snapshot, or the transaction that erases.
        of: what.
        whole: of which it is a piece; nobody's hold lets a piece of him go.

    Raises:
        NotErased: says which, and what to do.
    """
    if held := holds.held(connection, (whole or of).subjects):
        raise NotErased(f"under legal hold: {_some(held)}; see copydesk hold list")
    if found := open_follow_ups(connection, of.subjects, of.mentions.rows.get("follow_ups", {})):
        told = _some([f"{id_} ({kind} of {subject})" for id_, kind, subject in found])
        raise NotErased(f"follow-ups are open: {told}; they end within a day, erase then")


def extent(connection: sa.Connection, of: Plan) -> Extent:
    """Count what a plan is about."""
    traces = [trace(connection, subject) for subject in of.subjects]
    mentioned = of.mentions.rows.get("audit_entries", {})
    return Extent(
        tuple(sorted(of.subjects)),
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
