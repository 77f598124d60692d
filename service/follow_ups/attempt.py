"""One attempt of a follow-up: start, read, decide, commit to act, act, record the end."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog

from service.errors import CredentialsRefused, OutcomeUnknown, OutsideError, Refused, StoreError, Unavailable
from service.follow_ups import KINDS
from service.follow_ups.backoff import MAX_STARTS, after_unknown, delay
from service.follow_ups.moves import Act, Decision, Done, Kind, Leave, Tools, Wait
from service.outcomes import FollowUp, alert
from service.store import follow_up_rows
from service.store.follow_up_rows import Ending, Started
from service.store.record import plan

log = structlog.get_logger(__name__)

# Attempts that were under way when a worker died: one of them may have killed it. They are begun again one after
# another, before any of their starts is counted, so that it takes nobody with it a second time.
_suspects = threading.Lock()


def attempt(tools: Tools, id_: int, number: int, worker: str) -> None:
    """Make attempt `number` of follow-up `id_`; nothing where it is over already.

    Raises:
        StoreError: the database cannot be written; the attempt stands as it was and is taken up again.
    """
    with tools.store.read() as connection:
        suspect = follow_up_rows.was_started(connection, id_, number)
    with _suspects if suspect else nullcontext():
        _attempt(tools, id_, number, worker)


def _attempt(tools: Tools, id_: int, number: int, worker: str) -> None:
    with tools.store.write() as connection:
        started = follow_up_rows.start(connection, id_, number, worker, _now())
    if started is None:
        return
    if started.start > MAX_STARTS:
        # Its workers died in it, or could not write how it ended; either way it must not go on for ever.
        _end(tools, started, Ending("dead", "died", f"started {started.start - 1} times, and never came to an end"))
        return
    log.info("attempt", follow_up=id_, kind=started.kind, number=number, start=started.start)
    try:
        _move(tools, started)
    except StoreError:
        raise
    except OutcomeUnknown as error:
        seconds = after_unknown(number, random.random(), error.retry_after)  # noqa: S311 - jitter
        _again(tools, started, "unknown", error, seconds)
    except Unavailable as error:
        seconds = delay(number, random.random(), error.retry_after)  # noqa: S311 - jitter
        _again(tools, started, "unavailable", error, seconds)
    except CredentialsRefused as error:
        # Not this follow-up was refused but all of them: it waits for whoever mends the settings, who is told.
        _tell_credentials(tools, error)
        _again(tools, started, "unavailable", error, delay(number, random.random()))  # noqa: S311 - jitter
    except Refused as error:
        _end(tools, started, Ending("refused", "refused", str(error), request_id=error.request_id))
    except Exception as error:
        # A defect of ours, or a kind that this version does not know: it must end in the record.
        log.exception("attempt raised", follow_up=id_, kind=started.kind)
        _end(tools, started, Ending("dead", "failed", f"{type(error).__name__}: {error}"))


def _move(tools: Tools, started: Started) -> None:
    """Read, decide, act."""
    kind = KINDS[started.kind]
    if kind.queue == "commerce_layer":
        tools.check()
    facts = kind.read(started, tools)
    decision: Decision | None = kind.decide(started, facts, tools.settings, _now())
    if isinstance(decision, Act):
        decision = _act(tools, kind, started, facts, decision)
    if isinstance(decision, Wait):
        _plan_again(tools, started, Ending("planned", "waited", decision.why), decision.seconds)
    elif isinstance(decision, Done):
        ending = Ending("done", "done", decision.why, request_id=decision.request_id)
        _end(tools, started, ending, kind.afterwards(started, facts, decision))
    elif isinstance(decision, Leave):
        _end(tools, started, Ending("left", "left", decision.why), kind.afterwards(started, facts, decision))


def _act(tools: Tools, kind: Kind, started: Started, facts: object, decision: Act) -> Decision | None:
    """Commit to acting, then act. None where another worker has taken over, and it is not ours to go on."""
    if tools.settings.dry_run and kind.may_be_rehearsed:
        return Leave(f"dry run: would {decision.what}")
    with tools.store.write() as connection:
        if taken := kind.claim(connection, started, facts):
            return taken
        if not follow_up_rows.begin_acting(connection, started, decision.what, _now()):
            return None
    return kind.act(started, facts, decision, tools)


def _tell_credentials(tools: Tools, error: CredentialsRefused) -> None:
    """Plan an alert, once a day."""
    now = _now()
    with tools.store.write() as connection:
        told = alert("copydesk/credentials", f"credentials refused {now:%Y-%m-%d}", reason=str(error))
        plan(connection, told, now, follow_up_rows.WORKER)


def _again(tools: Tools, started: Started, result: str, error: OutsideError, seconds: float) -> None:
    """Plan it again, or end it where it has been tried for long enough."""
    if _now() >= started.give_up_at:
        _end(tools, started, Ending("dead", result, f"given up: {error}", request_id=error.request_id))
    else:
        ending = Ending("planned", result, str(error), request_id=error.request_id)
        _plan_again(tools, started, ending, seconds)


def _plan_again(tools: Tools, started: Started, ending: Ending, seconds: float) -> None:
    now = _now()
    with tools.store.write() as connection:
        follow_up_rows.finish(connection, started, replace(ending, due_at=now + timedelta(seconds=seconds)), now)


def _end(tools: Tools, started: Started, ending: Ending, then: Sequence[FollowUp] = ()) -> None:
    """Record the end, and plan what follows from it in the same transaction."""
    now = _now()
    if ending.status in ("refused", "dead") and started.kind != "alert":
        reason = f"{started.kind}: {ending.detail}"
        told = alert(started.subject, f"follow-up ended badly {started.id}", reason=reason, follow_up=started.id)
        then = [*then, told]
    with tools.store.write() as connection:
        ended = follow_up_rows.finish(connection, started, ending, now)
        for follow_up in then if ended else ():
            plan(connection, follow_up, now, follow_up_rows.WORKER, event_id=started.event_id)
    log.info("follow-up ended", follow_up=started.id, kind=started.kind, status=ending.status)


def _now() -> datetime:
    return datetime.now(UTC)
