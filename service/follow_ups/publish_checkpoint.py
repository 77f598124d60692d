"""Publish a head of the audit log: append it to a file, or tell it in Slack.

Heads go to one place in their order: one waits for the one before it. The same head never stands twice in the file;
in Slack it may, where nobody knows whether it arrived.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from service.audit.publication import FILE, SLACK
from service.audit.published import append
from service.clients.slack import Message
from service.follow_ups.moves import Act, Decision, Done, Kind, Leave, Started, Tools, Wait
from service.merkle.notes import Head, Note
from service.settings import Settings
from service.store import log_heads
from service.store.log_heads import PUBLISHING, Checkpoint

_LEAST_WAIT = 2.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What our record says.

    Attributes:
        checkpoint: the head; None where it is not kept.
        earlier_due: when the one before it is due at the same place; None where it is there.
    """

    checkpoint: Checkpoint | None
    earlier_due: datetime | None = None


def read(started: Started, tools: Tools) -> Facts:
    """Read the head, and whether an earlier one is still on its way."""
    with tools.store.read() as connection:
        checkpoint = log_heads.checkpoint(connection, int(started.params["checkpoint"]))
        return Facts(checkpoint, log_heads.publishing_before(connection, started.id, str(started.params["target"])))


def decide(started: Started, facts: Facts, settings: Settings, now: datetime) -> Decision:
    """Publish it, unless its place is gone or another head comes first."""
    target = started.params["target"]
    if facts.checkpoint is None:
        return Leave("the head is not kept any more")
    if target == FILE and not settings.checkpoints_file:
        return Leave("no file is set (COPYDESK_CHECKPOINTS_FILE)")
    if target == SLACK and not settings.slack_webhook_url.get_secret_value():
        return Leave("no Slack webhook is set (COPYDESK_SLACK_WEBHOOK_URL)")
    if facts.earlier_due is not None:
        seconds = max(0.0, (facts.earlier_due - now).total_seconds()) + _LEAST_WAIT
        return Wait(seconds, "an earlier head goes first")
    if target == FILE:
        return Act("append the head to the file", facts.checkpoint.note)
    return Act("tell Slack the head", message(facts.checkpoint, repeated=started.repeats_unknown))


def message(checkpoint: Checkpoint, *, repeated: bool = False) -> Message:
    """Put it in words, with the whole note: whoever has the public key can check it from there. Pure."""
    note = Note.from_text(checkpoint.note)
    head = Head.from_text(note.text)
    lines = [
        f"Origin {head.origin}, size {head.size}, root {b64encode(head.root).decode()}",
        *checkpoint.note.removeprefix(note.text).strip().splitlines(),
        "Keep it: it fixes everything that was recorded until now.",
    ]
    if repeated:
        lines.append("This may be a repetition: it is not known whether an earlier message arrived.")
    return Message("Head of the audit log", tuple(lines))


def act(started: Started, _facts: Facts, decision: Act, tools: Tools) -> Done:
    """Publish it."""
    if isinstance(decision.argument, Message) and tools.slack is not None:
        tools.slack.post(decision.argument)
        return Done("told Slack")
    if started.params["target"] != FILE or not isinstance(decision.argument, str):
        raise TypeError("decided to publish nothing")
    is_new = append(Path(tools.settings.checkpoints_file), decision.argument)
    return Done("appended" if is_new else "it was there already")


KIND = Kind(PUBLISHING, "slack", read, decide, act, may_be_rehearsed=False)
