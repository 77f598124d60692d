"""What a verification found, in words that an operator understands. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from service.text import line

OK, VIOLATION, UNREADABLE, INCOMPLETE = 0, 1, 2, 3
# What each check promises, in the order in which they are told.
CHECKS = {
    "V1": "every entry is what its leaf in the log says",
    "V2": "places in the log have no gap",
    "V3": "the tree's root is that of every head",
    "V4": "heads are signed by keys that may sign them",
    "V5": "heads from outside are prefixes of this log",
    "V6": "kept bytes are those that were received",
    "V7": "the tables are what the trail tells",
    "V8": "no entry was passed over",
    "V9": "each epoch names the end of the one before it",
}
_LAST = (1 << 62, 1 << 62)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        check: `V1` to `V9`.
        where: the entry or the row, as `audit_entries 17` or `events 3`.
        reason: what is wrong with it.
        epoch, index: the place in the log, where it has one.
    """

    check: str
    where: str
    reason: str
    epoch: int | None = None
    index: int | None = None

    def __str__(self) -> str:
        """One line."""
        place = "" if self.index is None else f" (place {self.index} of epoch {self.epoch})"
        return f"{self.check}: {self.where}{place}: {self.reason}"

    @property
    def rank(self) -> tuple[tuple[int, int], str, str]:
        """Where it stands among others: by place in the log, and what has none behind."""
        place = _LAST if self.epoch is None or self.index is None else (self.epoch, self.index)
        return place, self.check, self.where


@dataclass(slots=True)
class Report:
    """What was verified, and how it went.

    Attributes:
        what: what was verified.
        counts: how many of what were looked at.
        violations: the first of them, those with a place in the log before others.
        violation_count: how many there are in all.
        gaps: why the proof is not whole: no key, no head, entries without a place.
        notes: what a reader has to know, such as where the keys came from.
        skipped: checks that this material cannot be put to, with the reason.
    """

    what: str
    counts: dict[str, int] = field(default_factory=dict)
    violations: list[Finding] = field(default_factory=list)
    violation_count: int = 0
    gaps: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def add(self, findings: Iterable[Finding], limit: int) -> None:
        """Take findings in, and keep the first ones."""
        found = list(findings)
        self.violation_count += len(found)
        self.violations = sorted([*self.violations, *found], key=lambda one: one.rank)[:limit]

    @property
    def exit_code(self) -> int:
        """0 for a whole proof, 1 for a violation, 3 for a proof that is not whole."""
        return VIOLATION if self.violation_count else INCOMPLETE if self.gaps else OK

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        result = {OK: "ok", VIOLATION: "violation", INCOMPLETE: "incomplete"}[self.exit_code]
        return {"result": result, **asdict(self)}


class _Anything:
    """Equal to whatever a row holds: what the trail cannot tell any more, because it was erased."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


UNTOLD: Any = _Anything()


class Whose:
    """Equal to whom a row may be about whose entry was erased: to the place that stands in the entry, or to a name.

    An entry goes with whoever it was about, and the row has the place too. Or it goes since its text named somebody
    else: then the row keeps its own name.
    """

    def __init__(self, place: str) -> None:
        """Take the place."""
        self._place = place

    def __eq__(self, other: object) -> bool:
        return other == self._place or (isinstance(other, str) and not other.startswith("erased/"))

    def __hash__(self) -> int:
        return 0

    def __str__(self) -> str:
        return self._place


def differences(
    check: str, where: str, columns: Sequence[str], told: Sequence[Any], kept: Sequence[Any]
) -> list[Finding]:
    """Name each column that is not what the trail tells."""
    if told == kept:
        return []
    return [
        Finding(check, where, f"{name} is {_shown(is_)}, and the trail tells {_shown(should)}")
        for name, should, is_ in zip(columns, told, kept, strict=True)
        if not should == is_  # noqa: SIM201 - the one that is told may be equal to anything
    ]


def _shown(value: Any) -> str:
    if isinstance(value, bytes | memoryview):
        return f"{bytes(value).hex()[:16]}…"
    return "empty" if value is None else line(str(value), 60)
