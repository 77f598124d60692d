"""A copy from the command line: shown, confirmed, carried out, and told."""

from __future__ import annotations

import getpass
import sys
from dataclasses import dataclass

import click

from service.cli.output import print_facts, print_json, show_metadata
from service.cli.provider import Provider, as_object
from service.clients.commerce_layer import Answer
from service.copying import Wish, carry_out
from service.intake.replay import Operator
from service.resources import OrderFactory


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for something to be done outside, and how.

    Attributes:
        operator: who, and why.
        yes: it is confirmed already.
        as_json: the result is for a program.
    """

    operator: Operator
    yes: bool
    as_json: bool


def operator_of(by: str | None, reason: str) -> Operator:
    """Who does this, and why.

    Raises:
        click.UsageError: a reason that says nothing.
    """
    if not reason.strip():
        raise click.UsageError("--reason must say why")
    return Operator(by or getpass.getuser(), reason.strip())


def make(here: Provider, wish: Wish, asked: Asked) -> None:
    """Show what will be made, have it confirmed, make it and print what came of it.

    Raises:
        click.UsageError: it is for live, and there is nobody to ask.
        click.Abort: the answer was no.
        Refused, Unavailable, OutcomeUnknown, NotRecorded, NotOffered, StoreError: as `carry_out`.
    """
    loaded = here.settings
    if wish.retry_of is None:
        show_metadata(wish.arguments.get("metadata") or ())
    what = {"organization": loaded.organization, "mode": loaded.mode, **wish.request}
    print_facts(what | {"reason": wish.operator.reason, "by": wish.operator.name}, err=True)
    if not loaded.dry_run:
        _confirm(loaded.mode, yes=asked.yes)
    answer = carry_out(here.store, here.client, wish, dry_run=loaded.dry_run)
    if asked.as_json:
        _print_object(wish, answer)
    elif answer is None:
        click.echo("A dry run: it was recorded, and nothing was asked for.")
    else:
        copy, request_id = answer.value, answer.request_id
        print_facts({"made": copy.subject, "status": copy.status, "request id": request_id})
        click.echo(f"It is begun, not done: copydesk copies show {copy.id}", err=True)


def _print_object(wish: Wish, answer: Answer[OrderFactory] | None) -> None:
    copy = as_object(answer.value) if answer else None
    request_id = answer.request_id if answer else None
    print_json({"dry_run": answer is None, "request": wish.request, "request_id": request_id, "copy": copy})


def _confirm(mode: str, *, yes: bool) -> None:
    """Ask on a terminal; where there is none, test needs no answer and live needs --yes."""
    if yes:
        return
    if sys.stdin.isatty():
        click.confirm(f"Copy this order on {mode}?", abort=True, err=True)
    elif mode == "live":
        raise click.UsageError("there is nobody to ask, and this is live: --yes confirms it")
