"""The tour of `copydesk up`: waits until all is there, plays a short scenario, and says what to try next.

It runs as a process of its own beside the others (`python -m service.cli.tour`) and sees of them what a user sees:
/readyz, the sandbox's scenarios, and the database.
"""

from __future__ import annotations

import http.client
import json
import shlex
import signal
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import click
import sqlalchemy as sa

from service import settings
from service.cli.up import SETTINGS_FILE
from service.errors import CopydeskError, Unavailable
from service.settings import Settings
from service.store import Store, open_kept, queries

_START_SECONDS = 60.0
_OUTCOME_SECONDS = 60.0
_PAUSE = 0.2
_OK = 200


@dataclass(frozen=True, slots=True)
class Act:
    """One scenario and what must come of it.

    Attributes:
        scenario: its name at the sandbox.
        made: under which name the sandbox tells the copy's id.
        type: the copy's type.
        kind: the follow-up to wait for.
        ends: the statuses in which it may end.
        says: what happens, in a sentence.
    """

    scenario: str
    made: str
    type: str
    kind: str
    ends: tuple[str, ...]
    says: str


ACTS = (
    Act(
        "good-copy",
        "order_copy",
        "order_copies",
        "settle_source_order",
        ("done",),
        "A copy completes; the platform cancels the source order itself.",
    ),
    Act(
        "forgotten-source",
        "order_copy",
        "order_copies",
        "settle_source_order",
        ("done",),
        "A copy completes; the platform forgets the source order, and Copydesk steps in.",
    ),
    Act(
        "failing-renewal",
        "recurring_order_copy",
        "recurring_order_copies",
        "alert",
        ("done",),
        "A subscription's renewal fails, and Slack is told.",
    ),
)


@click.command()
@click.option("--program", default="copydesk")
@click.option("--no-scenario", is_flag=True)
@click.option("--once", is_flag=True)
def main(program: str, no_scenario: bool, once: bool) -> None:
    """Show what Copydesk does."""
    loaded = settings.load()
    subject = None
    try:
        _wait(lambda: _is_ready(loaded), _START_SECONDS, "the web process and a worker")
        if not no_scenario:
            subject = _play(loaded)
    except CopydeskError as error:
        click.echo(f"\ncopydesk: {error}\n")
        if once:
            sys.exit(1)
    _say_what_next(loaded, program, subject)
    if not once:
        click.echo("Ctrl-C stops everything.\n")
        signal.pause()


def _is_ready(loaded: Settings) -> bool:
    ready = _ask("GET", f"http://{loaded.bind}/readyz")
    return bool(ready and ready.get("worker") == "seen" and _ask("GET", f"{loaded.api_url}/sandbox/scenarios"))


def _play(loaded: Settings) -> str:
    """Play every act and wait for its outcome in the database; the subject worth a look.

    Raises:
        Unavailable: an outcome did not come.
    """
    subject = ""
    store = open_kept(loaded.database_url.get_secret_value())
    with closing(store):
        for act in ACTS:
            click.echo(f"\n{act.says}")
            made = _ask("POST", f"{loaded.api_url}/sandbox/scenarios/{act.scenario}")
            if made is None:
                raise Unavailable(f"the sandbox did not play {act.scenario}")
            about = f"{act.type}/{made[act.made]}"
            found = _outcome(store, act, about)
            click.echo(f"  {about}: {found.kind} {found.status}{f': {found.result}' if found.result else ''}")
            if found.status not in act.ends:
                raise Unavailable(f"{act.scenario} ended as {found.status} and not as {' or '.join(act.ends)}")
            # The second act tells the most: Copydesk itself did something.
            subject = about if act.scenario == "forgotten-source" else subject
    return subject


def _outcome(store: Store, act: Act, subject: str) -> queries.FollowUpRow:
    """Wait until the act's follow-up is at its end."""
    found: list[queries.FollowUpRow] = []

    def ended() -> bool:
        with store.read() as connection:
            found[:] = _follow_ups(connection, act, subject)
        return bool(found) and not found[0].is_open

    _wait(ended, _OUTCOME_SECONDS, f"{act.kind} of {subject}")
    return found[0]


def _follow_ups(connection: sa.Connection, act: Act, subject: str) -> list[queries.FollowUpRow]:
    return queries.follow_ups(connection, kind=act.kind, subject=subject, limit=1)


def _say_what_next(loaded: Settings, program: str, subject: str | None) -> None:
    url = loaded.database_url.get_secret_value()
    prefix = ""
    if url != Settings.model_fields["database_url"].default.get_secret_value():
        # A password does not belong on a screen.
        secret = bool(sa.make_url(url).password)
        prefix = "COPYDESK_DATABASE_URL=… " if secret else f"COPYDESK_DATABASE_URL={shlex.quote(url)} "
    commands = ["events", f"audit {subject}" if subject else "settings", "follow-ups"]
    click.echo(f"\nCopydesk   http://{loaded.bind}/readyz")
    click.echo(f"Sandbox    {loaded.api_url}/")
    click.echo("\nTry in another terminal, in this folder:\n")
    for command in commands:
        click.echo(f"  {prefix}{program} {command}")
    click.echo("\nBefore others, such as doctor, trigger and replay, load the settings of this run:\n")
    click.echo(f"  set -a; . ./{SETTINGS_FILE}; set +a\n")


def _wait(done: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for something.

    Raises:
        Unavailable: it did not come in time.
    """
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            raise Unavailable(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(_PAUSE)


def _ask(method: str, url: str) -> dict[str, Any] | None:
    """Ask one of the servers of this run; None where it does not answer 200 yet."""
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_OUTCOME_SECONDS)) as connection:
        try:
            connection.request(method, parts.path)
            response = connection.getresponse()
            return dict(json.loads(response.read())) if response.status == _OK else None
        except (OSError, http.client.HTTPException, ValueError):
            return None


if __name__ == "__main__":
    main()
