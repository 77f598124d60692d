"""The commands, where each is, and what becomes of an error: one line on stderr and a constant exit code."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

import click

from service.errors import (
    BadFilter,
    ConfigurationError,
    CopydeskError,
    NotOffered,
    OutcomeUnknown,
    StoreUnavailable,
    StoreUnusable,
    TokenRefused,
    Unavailable,
)
from service.masking import scrubbed
from service.text import line

FOUND_TROUBLE = 1
WRONG_USAGE = 2
UNUSABLE = 3
UNAVAILABLE = 4

# Name, to where it is and what the overview says of it: `--help` imports none of them.
COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("service.cli.up", "Everything for a first look, on this machine, with a sandbox."),
    "serve": ("service.cli.serve", "The web process: receive webhooks."),
    "work": ("service.cli.work", "A worker process: carry out follow-ups."),
    "sandbox": ("service.cli.sandbox", "A local Commerce Layer to try things with."),
    "migrate": ("service.cli.migrate", "Make the database, or bring it up to date."),
    "events": ("service.cli.events", "What happened, or one event with all that came of it."),
    "follow-ups": ("service.cli.follow_ups", "What is to be done, or one follow-up with its attempts."),
    "audit": ("service.cli.audit", "The audit trail of a copy, an order or a subscription."),
    "search": ("service.cli.search", "Find words in notes and errors."),
    "timeline": ("service.cli.timeline", "Everything about one order, copy or subscription, by time."),
    "query": ("service.cli.query", "Ask the SQLite file in SQL; it is only read."),
    "retry": ("service.cli.retry", "Have follow-ups tried again that came to their end."),
    "factories": ("service.cli.factories", "Copies and recurring copies at Commerce Layer, together."),
    "copies": ("service.cli.copies", "Order copies at Commerce Layer: list, show, create, retry."),
    "recurring": ("service.cli.recurring", "Recurring order copies at Commerce Layer: list, show."),
    "incidents": ("service.cli.incidents", "What is wrong, by cause, and whom it affects."),
    "sweep": ("service.cli.sweep", "Ask the API for what no webhook told."),
    "prove": ("service.cli.prove", "Prove that nothing was missed."),
    "recover": ("service.cli.recover", "After an outage: reset circuits, let in what was missed."),
    "replay": ("service.cli.replay", "Run the handlers again on kept events."),
    "webhooks": ("service.cli.webhooks", "Make webhooks at Commerce Layer what they should be, and keep them so."),
    "tokens": ("service.cli.tokens", "Who may read over HTTP: make, list and revoke tokens."),
    "keys": ("service.cli.keys", "The keys under which secrets and bodies are encrypted."),
    "erase": ("service.cli.privacy.erase", "Erase a person's data: bodies, names, texts."),
    "retention": ("service.cli.privacy.retention", "Take away what was kept long enough."),
    "hold": ("service.cli.privacy.hold", "Legal holds: what must not be erased."),
    "export": ("service.cli.export", "What is recorded, as CSV, NDJSON or a SQLite file that can be checked."),
    "backup": ("service.cli.backup", "Back up the database while everything runs."),
    "restore": ("service.cli.restore", "Restore a backup, into either kind of database."),
    "pull-callbacks": ("service.cli.pull_callbacks", "Post real payloads, masked, to a Copydesk on this machine."),
    "trigger": ("service.cli.trigger", "Send a signed event, as Commerce Layer would."),
    "doctor": ("service.cli.doctor", "Check this installation and say how to mend it."),
    "settings": ("service.cli.settings", "Every setting, what it means, and whether it is set."),
}


class Lazily(click.Group):
    """A group whose commands are imported when they are asked for.

    Attributes:
        places: name, to the module whose `command` it is and what an overview says of it.
    """

    places: ClassVar[Mapping[str, tuple[str, str]]]

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's interface
        """Name the commands in the order of a first acquaintance."""
        return list(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's interface
        """Import a command; every module calls its own `command`."""
        if cmd_name not in self.places:
            return None
        command: click.Command = import_module(self.places[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's interface
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, short) for name, (_, short) in self.places.items()])


class Commands(Lazily):
    """The group of all commands."""

    places = COMMANDS

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an error of ours is told in its own words and never as a traceback."""
        try:
            return super().invoke(ctx)
        except CopydeskError as error:
            for told in lines_of(error):
                click.echo(f"copydesk: {told}", err=True)
            ctx.exit(exit_code(error))


def lines_of(error: CopydeskError) -> list[str]:
    """What to print of an error: one line, or one for each mistake in the settings."""
    texts = error.mistakes if isinstance(error, ConfigurationError) else [str(error)]
    return [scrubbed(line(text)) for text in texts]


def exit_code(error: CopydeskError) -> int:
    """The exit code that an error has everywhere."""
    if isinstance(error, ConfigurationError | StoreUnusable):
        return UNUSABLE
    if isinstance(error, NotOffered | BadFilter | TokenRefused):
        return WRONG_USAGE
    # What may have been done is never "again later": a script that repeats on that code would do it twice.
    if isinstance(error, StoreUnavailable | Unavailable) and not isinstance(error, OutcomeUnknown):
        return UNAVAILABLE
    return FOUND_TROUBLE
