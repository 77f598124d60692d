"""What the commands of the sweep begin with: the settings, the store, the door and a client that keeps the limits."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from service import settings
from service.budget import SharedBudget
from service.cli.opening import kept
from service.cli.serve import switchboard
from service.clients.commerce_layer import CommerceLayer
from service.intake.door import Door
from service.intake.replay import Operator
from service.sweep.feeding import Site
from service.sweep.passing import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

by_option = click.option("--by", metavar="NAME", help="Who does this, for the audit trail; by default the user.")


@contextmanager
def opened() -> Iterator[Site]:
    """What a sweep needs, from the settings.

    Raises:
        ConfigurationError: there are no credentials, or they are of another organization or mode.
        StoreUnusable, StoreUnavailable: as `kept`.
        OutsideError: the credentials cannot be checked.
    """
    loaded = settings.load("worker")
    door = Door.of(loaded, switchboard())
    with kept() as store:
        budget = SharedBudget(loaded, store)
        with CommerceLayer(loaded, budget=budget) as client:
            client.check_identity()
            yield Site(loaded, store, door, client, budget)


def actor(by: str | None) -> str:
    """How the audit trail names who runs a command."""
    return Operator(by or getpass.getuser()).actor


@contextmanager
def progress() -> Iterator[Progress]:
    """A progress bar on stderr, where somebody looks."""
    from rich.progress import Progress as Bar  # noqa: PLC0415 - only these commands need it

    from service.cli.output import console  # noqa: PLC0415

    err = console(err=True)
    with Bar(console=err, transient=True, disable=not err.is_terminal) as bar:
        yield _told(bar)


def _told(bar: Bar) -> Progress:
    task = bar.add_task("factories", total=None)
    # The first page tells the most; later ones count from where they begin.
    total = 0

    def told(page: object) -> None:
        nonlocal total
        total = total or getattr(page, "record_count", None) or 0
        bar.update(task, total=total or None, advance=len(getattr(page, "items", ())))

    return told
