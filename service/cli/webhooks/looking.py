"""copydesk webhooks plan, and list."""

from __future__ import annotations

import click

from service.cli.commands import FOUND_TROUBLE
from service.cli.output import Column, as_json, print_json, print_table
from service.cli.webhooks.common import installation, print_standings, shown
from service.store import webhook_secrets
from service.webhooks.plan import Standing

_COLUMNS = (
    Column("topic"),
    Column("is"),
    Column("webhook"),
    Column("failures", right=True),
    Column("key"),
    Column("stored"),
    Column("first used"),
)


@click.command("plan")
@click.option("--prune", is_flag=True, help="Show deletions of what nothing needs any more, too.")
@as_json
def plan(prune: bool, as_json: bool) -> None:
    """Show what there should be, what there is, and what `apply` would do.

    Changes nothing. Exits with 1 where anything is to be done or a circuit is open.
    """
    with installation() as site:
        standings = site.survey()
    if as_json:
        print_json([shown(one, prune=prune) for one in standings])
    else:
        print_standings(standings, prune=prune)
    if any(one.steps(prune=prune) or "open" in one.states for one in standings):
        click.get_current_context().exit(FOUND_TROUBLE)


@click.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List the webhooks that Copydesk made, their circuits, and which secrets are kept for them."""
    with installation() as site:
        standings = [one for one in site.survey() if one.webhook is not None and "foreign" not in one.states]
        with site.store.read() as connection:
            secrets = {row.webhook_id: row for row in webhook_secrets.current(connection)}
    rows = [shown(one) | _secret(one, secrets) for one in standings]
    if as_json:
        print_json(rows)
        return
    names = ("topic", "states", "webhook_id", "circuit_failure_count", "key", "stored_at", "seen_at")
    print_table(_COLUMNS, [[_cell(row[name]) for name in names] for row in rows])


def _secret(standing: Standing, secrets: dict[str, webhook_secrets.SecretRow]) -> dict[str, object]:
    row = secrets.get(standing.webhook.id) if standing.webhook else None
    if row is None:
        return {"key": None, "stored_at": None, "seen_at": None}
    return {"key": row.fingerprint, "stored_at": row.created_at, "seen_at": row.seen_at}


def _cell(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value
