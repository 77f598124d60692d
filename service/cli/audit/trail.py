"""copydesk audit."""

from __future__ import annotations

import click
import sqlalchemy as sa

from service.cli.opening import reading
from service.cli.output import Column, as_json, print_json, print_table, resource_id, showable
from service.errors import NotFound
from service.store import queries
from service.text import line

_TRAIL = (Column("at (UTC)"), Column("of"), Column("what", fold=True), Column("see"))
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
    "token.created": "token {token} made for {scopes}",
    "token.revoked": "token {token} revoked",
    "copy.rehearsed": "dry run: would copy {source_order}: {reason}",
    "attempt.started": "{kind}, attempt {attempt}",
    "attempt.acting": "{kind}: going to {what}",
}
# Who writes entries by itself; anybody else is a person.
_OURS = ("intake", "worker", "hydrate")
_ENDED = "{kind} {result}: {detail}"


@click.command("trail")
@click.argument("subject")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="The newest of them.")
@as_json
def command(subject: str, limit: int, as_json: bool) -> None:
    """Print the audit trail of SUBJECT, oldest first.

    \b
    SUBJECT is one of
      order_copies/ID, recurring_order_copies/ID
      orders/ID                with the copies that it is the source or target of
      order_subscriptions/ID   with its copies
      ID                       where only one of them has it
    """  # noqa: D301 - click's mark for lines to leave alone
    with reading() as connection:
        name = resolved(connection, subject)
        others = queries.related(connection, name)
        found = queries.trail(connection, [name, *others], limit=limit)
    if as_json:
        print_json(found)
        return
    print_table(_TRAIL, [(e.at, resource_id(e.subject), _sentence(e), _see(e)) for e in found])
    if len(found) == limit:
        click.echo(f"copydesk: the newest {limit}; --limit shows more", err=True)


def resolved(connection: sa.Connection, subject: str) -> str:
    """The full name of a subject.

    Raises:
        NotFound: nothing is kept about it, or several subjects have the id.
    """
    candidates = [subject] if "/" in subject else queries.subjects_of(connection, subject)
    known = [name for name in candidates if "/" not in subject or queries.is_known(connection, name)]
    if not known:
        raise NotFound(f"nothing is kept about {line(subject, 80)}")
    if len(known) > 1:
        raise NotFound(f"{line(subject, 80)} is several things: {', '.join(known)}")
    return known[0]


def _sentence(entry: queries.AuditRow) -> str:
    """What happened, in words; who did it where it was a person."""
    group, _, result = entry.action.partition(".")
    told: dict[str, object] = {"before": "new", "reason": "no reason kept", **entry.detail, "result": result}
    told = showable(told)
    pattern = _SENTENCES.get(entry.action, _ENDED if group == "attempt" else "")
    try:
        sentence = pattern.format(**told)
    except KeyError:
        sentence = ""
    if not sentence:
        sentence = "  ".join([entry.action, *(f"{name}={value}" for name, value in showable(entry.detail).items())])
    again = entry.detail.get("again")
    by = "" if entry.actor in _OURS else f" (by {entry.actor})"
    return sentence + (f"; again {again}" if again else "") + by


def _see(entry: queries.AuditRow) -> str:
    """Where to look further: `copydesk events 18`, `copydesk follow-ups 2`."""
    if entry.follow_up_id is not None:
        return f"follow-ups {entry.follow_up_id}"
    return "" if entry.event_id is None else f"events {entry.event_id}"
