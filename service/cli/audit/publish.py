"""copydesk audit publish."""

from __future__ import annotations

import getpass
import time
from datetime import UTC, datetime, timedelta

import click

from service import settings
from service.cli.opening import kept
from service.cli.output import Column, as_json, print_json, print_table
from service.errors import ConfigurationError, LogBehind
from service.intake.replay import Operator
from service.settings import Settings
from service.store import Store, heartbeats, log_heads
from service.store.follow_up_rows import LIVE
from service.store.log_heads import Checkpoint

_PATIENCE = 10.0
_LIVES = timedelta(seconds=30)


@click.command("publish")
@click.option("--by", metavar="NAME", help="Who, for the audit trail; by default the user of the system.")
@as_json
def command(by: str | None, as_json: bool) -> None:
    """Publish the newest head of the audit log now, and not with the next hour.

    Workers carry it out; where none runs, this command does.
    """
    from service.audit import publication, sequencer, standing  # noqa: PLC0415 - the help needs none of it

    loaded = settings.load()
    to = publication.targets(loaded)
    if not to:
        raise ConfigurationError(["COPYDESK_CHECKPOINTS_FILE: is not set, and there is no Slack webhook either"])
    with kept() as store:
        if trouble := standing.look(loaded, store).trouble:
            raise LogBehind(trouble)
        if signers := standing.signers_of(loaded):
            sequencer.sequence(store, signers[0], datetime.now(UTC), signers[1:])
        actor = Operator(by or getpass.getuser(), None).actor
        made = publication.publish(store, to, datetime.now(UTC), actor)
        ended = _carried_out(loaded, store, made) if made else []
    if as_json:
        print_json({"size": made.size if made else None, "published": dict(ended)})
    elif made is None:
        click.echo("Nothing is published: nothing is new since the last head, or no head is signed yet.")
    else:
        print_table((Column("to"), Column("is")), ended, title=f"The head of {made.size}")


def _carried_out(loaded: Settings, store: Store, made: Checkpoint) -> list[tuple[str, str]]:
    """Have it published: where it goes, and how that stands."""
    with store.read() as connection:
        lives = bool(heartbeats.living(connection, datetime.now(UTC) - _LIVES))
    if not lives:
        _attempt(loaded, store, made)
    until = time.monotonic() + (_PATIENCE if lives else 0)
    while True:
        with store.read() as connection:
            found = log_heads.publications_of(connection, made.id)
        if time.monotonic() >= until or not any(status in LIVE for _, _, status, _ in found):
            return [(target, status) for _, target, status, _ in found]
        time.sleep(0.1)


def _attempt(loaded: Settings, store: Store, made: Checkpoint) -> None:
    """Do what a worker would do."""
    from service.cli.provider import log_to_stderr  # noqa: PLC0415 - only where no worker runs
    from service.clients.slack import Slack  # noqa: PLC0415
    from service.follow_ups.attempt import attempt  # noqa: PLC0415
    from service.follow_ups.moves import Tools  # noqa: PLC0415

    log_to_stderr()
    has_slack = bool(loaded.slack_webhook_url.get_secret_value())
    tools = Tools(loaded, store, None, Slack(loaded.slack_webhook_url) if has_slack else None)
    try:
        with store.read() as connection:
            found = log_heads.publications_of(connection, made.id)
        for id_, _target, _status, number in found:
            attempt(tools, id_, number, "copydesk audit publish")
    finally:
        tools.close()
