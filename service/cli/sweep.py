"""copydesk sweep."""

from __future__ import annotations

from datetime import datetime

import click

from service.cli.opening import Since
from service.cli.output import as_json, plain, print_facts, print_json
from service.cli.site import actor, by_option, opened, progress
from service.sweep.finds import Found, look
from service.sweep.passing import sweep


@click.command("sweep")
@click.option("--since", type=Since(), help="From when on; without it, on from where the last sweep ended.")
@click.option("--dry-run", is_flag=True, help="Say what nobody told us, and write nothing.")
@by_option
@as_json
def command(since: datetime | None, dry_run: bool, by: str | None, as_json: bool) -> None:
    """Ask Commerce Layer which factories changed, and let in what no webhook told.

    Looks also for copies that are stuck or gone, and for renewals that stayed away. It may be broken off and run
    again at any time. docs/recovery.md tells more.
    """
    with opened() as site:
        with progress() as told:
            swept = sweep(site, since, dry_run=dry_run, actor=actor(by), progress=told)
        found = Found() if dry_run else look(site)
    if as_json:
        print_json(plain(swept) | {"found": plain(found)})
        return
    print_facts(
        {
            "since": swept.since,
            "factories": swept.listed,
            "would be events" if dry_run else "new events": swept.events + found.events,
            "told again": swept.redelivered,
            "quarantined": swept.apart,
            "stuck": len(found.stuck),
            "deleted": len(found.gone),
            "absent renewals": len(found.absent),
        }
    )
    for subject in swept.subjects:
        click.echo(subject)
