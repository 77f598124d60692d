"""copydesk webhooks apply, and reset."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import click
from rich.progress import Progress

from service.cli.commands import FOUND_TROUBLE
from service.cli.output import as_json, console, print_json
from service.cli.webhooks.common import accountable, confirm, installation, print_standings
from service.clients.own_address import unreached
from service.errors import NotFound
from service.webhooks import apply as applied
from service.webhooks.apply import Taken
from service.webhooks.installation import Installation
from service.webhooks.plan import Standing


@click.command("apply")
@click.option("--prune", is_flag=True, help="Also delete webhooks of ours that nothing needs any more.")
@click.option("--unreached", "anyway", is_flag=True, help="Enable even if this machine cannot reach the public URL.")
@accountable
@as_json
def apply(prune: bool, anyway: bool, by: str | None, reason: str | None, yes: bool, as_json: bool) -> None:
    """Make webhooks what they should be, and put their secrets into the store, encrypted.

    A new webhook is enabled when every web process has its secret, about ten seconds later. May be repeated at any
    time, after a crash too. Exits with 1 where webhooks had to be left disabled.
    """
    with installation(by, reason) as site:
        surveyed_at, standings = datetime.now(UTC), site.survey()
        number = sum(len(one.steps(prune=prune)) for one in standings)
        if number and not as_json:
            print_standings(standings, prune=prune)
        if number:
            site.vault.check()
            confirm(f"Change webhooks of {site.settings.organization} ({site.settings.mode})?", yes=yes)
        applied.retire_lost(site, standings, surveyed_at)
        taken, left = _carry_out(site, standings, number, prune=prune, anyway=anyway)
    if as_json:
        print_json({"steps": taken, "left_disabled": left})
    else:
        click.echo(f"{len(taken)} steps taken." if taken else "Nothing to do.")
    if left:
        click.get_current_context().exit(FOUND_TROUBLE)


@click.command("reset")
@click.argument("topics", nargs=-1, metavar="[TOPIC]...")
@accountable
@as_json
def reset(topics: tuple[str, ...], by: str | None, reason: str | None, yes: bool, as_json: bool) -> None:
    """Close the circuits of TOPICs again, or all that are open.

    Mend what opened them first: 30 failures in a row open them again. What happened meanwhile was not sent.
    """
    with installation(by, reason) as site:
        standings = [one for one in site.survey() if one.webhook is not None and "foreign" not in one.states]
        if missing := sorted(set(topics) - {one.topic for one in standings}):
            raise NotFound(f"Copydesk has no webhook on {', '.join(missing)}")
        chosen = [one for one in standings if one.webhook and (one.topic in topics or (not topics and _is_open(one)))]
        if chosen:
            told = ", ".join(one.topic for one in chosen)
            confirm(f"Reset the circuits of {told}?", yes=yes)
        done = [_reset(site, one) for one in chosen]
    if as_json:
        print_json(done)
    else:
        click.echo(f"{len(done)} circuits reset." if done else "No circuit is open.")


def _carry_out(
    site: Installation, standings: Sequence[Standing], number: int, *, prune: bool, anyway: bool
) -> tuple[list[Taken], list[str]]:
    """Take every step; which were taken, and the topics that were left disabled."""
    taken = list[Taken]()
    if not number:
        return taken, []
    with Progress(console=console(err=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("webhooks", total=number)
        for step in applied.prepare(site, standings, prune=prune):
            taken.append(step)
            progress.advance(task)
        waiting = applied.to_enable(site.survey())
        progress.update(task, description="giving web processes the secrets", total=number + len(waiting))
        if not waiting or _left(site, waiting, anyway=anyway):
            return taken, [topic for topic, _ in waiting]
        _wait_until(applied.may_post_from(site, [id_ for _, id_ in waiting]))
        for topic, id_ in waiting:
            taken.append(applied.enable(site, topic, id_))
            progress.advance(task)
    return taken, []


def _left(site: Installation, waiting: Sequence[tuple[str, str]], *, anyway: bool) -> bool:
    """Whether to leave webhooks disabled, because nobody would answer them: 30 failures would silence each."""
    if anyway:
        return False
    urls = {one.topic: one.callback_url for one in site.wanted}
    why = next((told for topic, _ in waiting[:1] if (told := unreached(urls[topic]))), None)
    if why:
        click.echo(f"copydesk: left disabled: {why}", err=True)
        click.echo("copydesk: start `copydesk serve` behind that address, then repeat; or see --unreached", err=True)
    return why is not None


def _wait_until(at: datetime | None) -> None:
    if at is not None:
        time.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()))


def _is_open(standing: Standing) -> bool:
    return standing.webhook is not None and standing.webhook.circuit_state == "open"


def _reset(site: Installation, standing: Standing) -> dict[str, object]:
    webhook = standing.webhook
    if webhook is None:
        raise LookupError("a webhook that is not there")
    site.client.webhooks.reset_circuit(webhook.id)
    failures = webhook.circuit_failure_count
    site.note(webhook.id, "webhook.circuit_reset", topic=standing.topic, failures=failures)
    return {"topic": standing.topic, "webhook_id": webhook.id, "failures": failures}
