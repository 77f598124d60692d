"""copydesk timeline."""

from __future__ import annotations

from dataclasses import asdict

import click

from service.cli.asked import Shape, after_option, limit_option, shaped
from service.cli.audit.trail import resolved
from service.cli.opening import reading
from service.cli.output import Column, print_table, resource_id
from service.cli.sentences import see, sentence
from service.store.listings import Happened, timeline

_COLUMNS = (Column("at (UTC)"), Column("of"), Column("what", fold=True), Column("see"))
_SENTENCES = {
    "delivery": "{topic} came ({verdict}, by {origin}): {result}",
    "transition": "{from_status} → {to_status}",
    "follow_up": "{name} planned: {cause}; now {status}",
    "attempt": "{name}, attempt {number}: {result}",
    "incident": "incident: {cause}; now {status}",
}
_SEES = {"delivery": "events {event_id}", "transition": "events {event_id}", "follow_up": "follow-ups {id}",
         "attempt": "follow-ups {follow_up_id}", "incident": "incidents {id}"}  # fmt: skip


@click.command("timeline")
@click.argument("subject")
@limit_option(200)
@after_option
@shaped
def command(subject: str, limit: int, after: str | None, shape: Shape) -> None:
    """Print everything about SUBJECT in the order of time, from all that is kept.

    SUBJECT is an order, a copy or a subscription, as for copydesk audit; an order and a subscription come with their
    copies. Deliveries, transitions, follow-ups, attempts, incidents, notes and operators' actions are in one list,
    the newest last.
    """
    with reading() as connection:
        name = resolved(connection, subject)
        found = timeline(connection, name, limit=limit, after=after)
    if shape.for_people:
        print_table(_COLUMNS, [(one.at, resource_id(one.subject), _told(one), _see(one)) for one in found.happened])
    else:
        shape.print(("at", "kind", "id", "subject", "what"), [asdict(one) for one in found.happened])
    if found.earlier:
        click.echo(f"copydesk: the newest {limit}; --after {found.earlier} shows what came before", err=True)


def _told(one: Happened) -> str:
    if one.kind == "entry":
        return sentence(one.what["action"], one.what["actor"], one.what["detail"])
    told = {"from_status": "new", "result": "under way", **one.what}
    more = (
        one.what.get("error") or one.what.get("detail") or (one.what.get("result") if one.kind == "follow_up" else "")
    )
    if one.kind == "transition" and not one.what["applied"]:
        more = "superseded"
    return _SENTENCES[one.kind].format(**told) + (f" ({more})" if more else "")


def _see(one: Happened) -> str:
    if one.kind == "entry":
        return see(one.what.get("event_id"), one.what.get("follow_up_id"))
    return _SEES[one.kind].format(**{"id": one.id, "event_id": "", **one.what})
