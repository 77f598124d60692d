"""The parts of a verification, each for itself, so that several processes share them."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pydantic import SecretStr

from service.audit.verification import apart, entries, events, follow_ups, payloads, plain, states
from service.audit.verification.erasures import Erasures
from service.audit.verification.findings import Finding
from service.audit.verification.places import Place, Reader, opened
from service.vault import Vault

# Violations of one part that are handed on; the rest are counted.
MOST = 100
# What a value of another kind, or spelled another way, than any that we write comes to.
_NONE_OF_OURS = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
_ABOUT = {kind: ("V7", kind) for kind in ("events", "states", "follow_ups")} | {"apart": ("V7", "deliveries")}


@dataclass(frozen=True, slots=True)
class Task:
    """One part.

    Attributes:
        kind: `leaves`, `waiting`, `events`, `apart`, `states` or `follow_ups`.
        args: which of them.
        weight: how much work it is about, in entries.
    """

    kind: str
    args: tuple[Any, ...]
    weight: int


@dataclass(slots=True)
class Done:
    """What a part came to.

    Attributes:
        task: which.
        findings: the first violations.
        violations: how many there are.
        chunk: of `leaves`: what roots are made of.
        waiting: of `waiting`: the numbers of the entries without a place, and when they were written.
    """

    task: Task
    findings: list[Finding] = field(default_factory=list)
    violations: int = 0
    chunk: entries.Chunk | None = None
    waiting: list[tuple[int, str]] = field(default_factory=list)

    def take(self, found: Iterable[Finding]) -> Done:
        """Count violations, and keep the first ones; what cannot be compared at all is one, and ends the part."""
        try:
            for one in found:
                self._add(one)
        except _NONE_OF_OURS as error:
            # Which entry it is in, V1 tells, where the log was not made anew with it.
            reason = f"the trail tells what Copydesk never writes ({type(error).__name__}): the rest is not compared"
            self._add(Finding(*_ABOUT.get(self.task.kind, ("V1", "audit_entries")), reason))
        return self

    def _add(self, one: Finding) -> None:
        self.violations += 1
        if len(self.findings) < MOST:
            self.findings.append(one)


class Worker:
    """One process's view of the record: one snapshot from the first part to the last."""

    def __init__(self, place: Place, keys: tuple[str, ...], leaves_file: str | None = None) -> None:
        """Open the record.

        Args:
            place: where it is.
            keys: encryption keys that open what is sealed; none where only digests are verified.
            leaves_file: the leaf hashes of a bundle that holds some entries only.
        """
        self._stack = ExitStack()
        self.reader: Reader = self._stack.enter_context(opened(place))
        self.erasures = Erasures(self.reader)
        vault = Vault([SecretStr(key) for key in keys]) if keys else None
        self._bytes: events.Bytes = partial(payloads.problem, erasures=self.erasures, vault=vault)
        self._leaves_file = leaves_file

    def run(self, task: Task) -> Done:
        """Do one part."""
        done = Done(task)
        if task.kind == "leaves":
            epoch, start, sizes, offset = task.args
            exported = self._exported(start, sizes, offset)
            done.chunk = entries.look(self.reader, self.erasures, epoch, start, sizes, exported)
            found, done.chunk.findings = done.chunk.findings, []
            return done.take(found)
        if task.kind == "waiting":
            waiting = list(entries.waiting(self.reader, self.erasures))
            done.waiting = [(id_, at) for id_, at, _ in waiting]
            return done.take(finding for *_, finding in waiting if finding)
        if task.kind == "apart":
            return done.take(apart.judge(self.reader, self._bytes))
        if task.kind == "events":
            low, high = task.args
            return done.take(plain.judge(self.reader, low, high, self._bytes))
        if task.kind == "states":
            return done.take(states.judge(self.reader, *task.args))
        return done.take(follow_ups.judge(self.reader, *task.args))

    def close(self) -> None:
        """Close the record."""
        self._stack.close()

    def _exported(self, start: int, sizes: Sequence[int], offset: int) -> bytes | None:
        """The leaf hashes that a bundle of a few entries has for a stretch; `offset` is where its epoch begins."""
        if self._leaves_file is None:
            return None
        with open(self._leaves_file, "rb") as opened_file:  # noqa: PTH123 - a path as text, from another process
            opened_file.seek((offset + start) * 32)
            return opened_file.read((max(sizes) - start) * 32)


_worker: Worker | None = None


def begin(*args: Any) -> None:
    """Open the record in a process of a pool."""
    global _worker  # noqa: PLW0603 - a process of a pool has no other place for it
    _worker = Worker(*args)
    # Nothing here refers to itself in a circle, and looking for that among millions of rows takes a tenth of the time.
    gc.disable()


def run(task: Task) -> Done:
    """Do one part in a process of a pool."""
    if _worker is None:
        raise RuntimeError("a part without a record")
    return _worker.run(task)
