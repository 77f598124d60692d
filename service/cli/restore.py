"""copydesk restore."""

from __future__ import annotations

import getpass
from pathlib import Path

import click
import sqlalchemy as sa

from service import settings
from service.backup.restoring import check, check_target, restore
from service.cli.backup import answer_for, despite_violations, facts, warn
from service.cli.output import as_json, plain, print_facts, print_json
from service.cli.telling import telling
from service.cli.webhooks.common import accountable, confirm
from service.intake.replay import Operator

_NEXT = """What happened after the backup is not in it. Before anything is started:
  copydesk audit verify      what was restored is what the log says
  copydesk audit new-epoch   where heads of the log were published since: it goes on as another epoch
then start a worker, and close the gap:
  copydesk recover           asks the API for what no webhook told since"""


@click.command("restore")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--move-aside", is_flag=True, help="SQLite: keep the file that is there under another name.")
@despite_violations
@accountable
@as_json
def command(
    path: Path, move_aside: bool, despite: bool, by: str | None, reason: str | None, yes: bool, as_json: bool
) -> None:
    """Restore the backup PATH into the database of COPYDESK_DATABASE_URL, SQLite or PostgreSQL.

    The backup is checked first, and a database that has rows is left alone. Stop web processes and workers before.
    """
    answer_for(despite=despite, reason=reason)
    url = settings.load().database_url.get_secret_value()
    place = sa.make_url(url).render_as_string(hide_password=True)
    with telling() as told:
        check_target(url, move_aside=move_aside)
        found = check(path.absolute(), told, despite=despite)
    print_facts({"backup": path, **facts(found), "into": place}, err=True)
    warn(found)
    confirm("Restore it?", yes=yes)
    with telling() as told:
        operator = Operator(by or getpass.getuser(), reason)
        done = restore(path.absolute(), found, url, operator, told, despite=despite)
    if as_json:
        aside = None if done.aside is None else str(done.aside)
        done_facts = {"restored": path.name, "made_at": found.made_at, "rows": found.rows, "moved_aside": aside}
        print_json({**done_facts, "violations": plain(done.manifest.violations)})
        return
    if done.aside:
        click.echo(f"The old file is {done.aside}.", err=True)
    click.echo("Restored. " + _NEXT)
