"""What happened, in words: audit entries and the rows of a timeline as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.cli.output import showable

# Each action in words; what has none is shown as names and values.
_SENTENCES = {
    "received": "{topic} received",
    "redelivered": "{topic} came again",
    "quarantined": "{topic} quarantined: {reason}",
    "deferred": "{topic} set aside for a worker: {reason}",
    "state.changed": "{before} → {status}",
    "state.confirmed": "{status}, as was known",
    "state.superseded": "{status} is older than {before}: superseded",
    "note": "{text}",
    "handler.failed": "a handler failed: {text}",
    "follow_up.planned": "{kind} planned: {cause}",
    "follow_up.planned_again": "{kind} planned again: {why}",
    "copy.attempting": "going to copy {source_order}: {reason}",
    "copy.created": "copied {source_order} into {copy}",
    "copy.refused": "{source_order} not copied, refused: {error}",
    "copy.unavailable": "{source_order} not copied: {error}",
    "copy.unknown": "whether {source_order} was copied is not known: {error}",
    "payload.unmasked": "the payload was looked at unmasked: {reason}",
    "token.created": "token {token_id} made for {scopes}",
    "token.revoked": "token {token_id} revoked",
    "copy.rehearsed": "dry run: would copy {source_order}: {reason}",
    "incident.opened": "incident of {about} began: {cause}",
    "incident.resolved": "incident ended after {lasted}: {why}",
    "payload.sealed": "the bytes of delivery {delivery} sealed",
    "attempt.started": "{kind}, attempt {attempt}",
    "attempt.acting": "{kind}: going to {what}",
    "key.added": "the log is signed by {verifier}",
    "key.rotated": "the log is signed by {new} in place of {old}",
    "checkpoint.time": "the head of {size} entries published",
    "epoch.opened": "{origin} begins after {local_size} entries: {reason}",
}
# Who writes entries by itself; anybody else is a person.
_OURS = ("intake", "worker", "hydrate")
_ENDED = "{kind} {result}: {detail}"


def sentence(action: str, actor: str, detail: Mapping[str, Any]) -> str:
    """What happened, in words; who did it where it was a person."""
    group, _, result = action.partition(".")
    told: dict[str, object] = {"before": "new", "reason": "no reason kept", **detail, "result": result}
    told = showable(told)
    pattern = _SENTENCES.get(action, _ENDED if group == "attempt" else "")
    try:
        words = pattern.format(**told)
    except KeyError:
        words = ""
    if not words:
        words = "  ".join([action, *(f"{name}={value}" for name, value in showable(detail).items())])
    again = detail.get("again")
    by = "" if actor in _OURS else f" (by {actor})"
    return words + (f"; again {again}" if again else "") + by


def see(event_id: int | None, follow_up_id: int | None) -> str:
    """Where to look further: `copydesk events 18`, `copydesk follow-ups 2`."""
    if follow_up_id is not None:
        return f"follow-ups {follow_up_id}"
    return "" if event_id is None else f"events {event_id}"
