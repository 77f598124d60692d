"""What the webhook commands share: the installation, who asked, the confirmation, and how a standing is shown."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from service import settings
from service.budget import SharedBudget
from service.cli.opening import kept
from service.cli.output import Column, print_table
from service.cli.serve import switchboard
from service.clients.commerce_layer import CommerceLayer
from service.intake.replay import Operator
from service.webhooks.installation import Installation
from service.webhooks.plan import Standing

Command = TypeVar("Command", bound=Callable[..., Any])
_COLUMNS = (
    Column("topic"),
    Column("is"),
    Column("webhook"),
    Column("what differs", fold=True),
    Column("apply would", fold=True),
)


def accountable(function: Command) -> Command:
    """Options for who does something, why, and whether to ask first."""
    for option in (
        click.option("--yes", is_flag=True, help="Do not ask first; for scripts."),
        click.option("--reason", metavar="TEXT", help="Why, for the audit trail."),
        click.option("--by", metavar="NAME", help="Who, for the audit trail; by default the user of the system."),
    ):
        function = option(function)
    return function


@contextmanager
def installation(by: str | None = None, reason: str | None = None) -> Iterator[Installation]:
    """The installation of the settings, with credentials that are certainly its own.

    Raises:
        ConfigurationError: the settings are wrong, or the credentials are of another organization or mode.
        StoreUnusable, StoreUnavailable: as `open_kept`.
        Refused, Unavailable: no token could be had.
    """
    loaded = settings.load("worker")
    with kept() as store, CommerceLayer(loaded, budget=SharedBudget(loaded, store)) as client:
        site = Installation(
            loaded, switchboard(), store, client, Operator(by or getpass.getuser(), reason).actor, reason
        )
        _ = site.wanted
        client.check_identity()
        yield site


def confirm(question: str, *, yes: bool) -> None:
    """Ask before anything is changed.

    Raises:
        UsageError: nobody can be asked.
        Abort: the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here: repeat it with --yes")
    click.confirm(question, abort=True, err=True)


def print_standings(standings: Sequence[Standing], *, prune: bool = False) -> None:
    """Show how webhooks stand, and what `apply` would do about it."""
    rows = [
        (
            one.topic,
            ", ".join(one.states),
            one.webhook.id if one.webhook else None,
            "; ".join(one.differences),
            ", then ".join(one.steps(prune=prune)) or "leave it",
        )
        for one in standings
    ]
    print_table(_COLUMNS, rows)


def shown(standing: Standing, *, prune: bool = False) -> dict[str, Any]:
    """A standing for programs; the secret is not among it."""
    webhook = standing.webhook
    return {
        "topic": standing.topic,
        "states": standing.states,
        "webhook_id": webhook.id if webhook else None,
        "callback_url": webhook.callback_url if webhook else None,
        "include_resources": webhook.include_resources if webhook else None,
        "disabled_at": webhook.disabled_at if webhook else None,
        "circuit_state": webhook.circuit_state if webhook else None,
        "circuit_failure_count": webhook.circuit_failure_count if webhook else None,
        "differences": standing.differences,
        "steps": standing.steps(prune=prune),
    }
