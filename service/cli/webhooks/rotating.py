"""copydesk webhooks rotate."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime

import click

from service.cli.commands import FOUND_TROUBLE
from service.cli.output import Column, as_json, print_json, print_table
from service.cli.webhooks.common import accountable, confirm, installation
from service.errors import NotFound, Unavailable
from service.webhooks import rotation
from service.webhooks.installation import Installation

_PAUSE = 2.0
_COLUMNS = (Column("topic"), Column("is"), Column("why", fold=True))


@click.command("rotate")
@click.argument("topics", nargs=-1, metavar="[TOPIC]...")
@click.option("--all", "everything", is_flag=True, help="Every topic that Copydesk has a webhook on.")
@accountable
@as_json
def rotate(
    topics: tuple[str, ...], everything: bool, by: str | None, reason: str | None, yes: bool, as_json: bool
) -> None:
    """Give TOPICs new secrets without refusing one genuine delivery.

    Makes a second webhook, accepts both, and deletes the first when an event has come under the new secret. Workers
    carry on with it; calling this again takes it further too.
    """
    if bool(topics) == everything:
        raise click.UsageError("name a TOPIC, or --all")
    with installation(by, reason) as site:
        chosen = _chosen(site, topics, everything=everything)
        site.vault.check()
        confirm(f"Rotate the secrets of {', '.join(sorted(chosen))}?", yes=yes)
        for topic, webhook_id in sorted(chosen.items()):
            rotation.begin(site, topic, webhook_id)
        rows = _carry_on(site, chosen)
        configured = sorted(set(chosen) & set(site.settings.webhook_secrets))
    if as_json:
        print_json(rows)
    else:
        print_table(_COLUMNS, [(row["topic"], row["state"], row["why"]) for row in rows])
    if configured:
        told = ", ".join(configured)
        click.echo(
            f"copydesk: COPYDESK_WEBHOOK_SECRETS accepts its own secrets of {told} until you remove them", err=True
        )
    if any(row["state"] == "refused" for row in rows):
        click.get_current_context().exit(FOUND_TROUBLE)


def _chosen(site: Installation, topics: Iterable[str], *, everything: bool) -> dict[str, str]:
    """Topic and webhook of what is to be rotated.

    Raises:
        NotFound: Copydesk has no webhook there.
    """
    there = {one.topic: one.webhook.id for one in site.survey() if one.wanted is not None and one.webhook is not None}
    if everything:
        return there
    if missing := sorted(set(topics) - set(there)):
        raise NotFound(f"Copydesk has no webhook on {', '.join(missing)}; copydesk webhooks apply makes one")
    return {topic: there[topic] for topic in topics}


def _carry_on(site: Installation, chosen: Iterable[str]) -> list[dict[str, str]]:
    """Go on until nothing but an event is waited for.

    Raises:
        Unavailable: web processes should long have had the secrets.
    """
    until = datetime.now(UTC) + site.picked_up * 3
    done = dict[str, rotation.Next]()
    while True:
        found = rotation.advance(site)
        done |= {row.topic: next_ for row, next_ in found}
        if not any(next_.why == rotation.PICKING_UP for _, next_ in found):
            break
        if datetime.now(UTC) > until:
            raise Unavailable("the second webhooks are not enabled yet; a worker goes on, or call this again")
        time.sleep(_PAUSE)
    words = {"wait": "waits", "finish": "done"}
    return [
        {"topic": topic, "state": words.get(next_.move, next_.move), "why": next_.why}
        for topic, next_ in sorted(done.items())
        if topic in set(chosen)
    ]
