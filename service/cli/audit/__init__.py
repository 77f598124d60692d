"""copydesk audit: the trail itself, and the log that proves it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import click

from service.cli.commands import Lazily

_TRAIL = "trail"


class Audit(Lazily):
    """A group whose first argument may be a subject: `copydesk audit ID` prints its trail."""

    places: ClassVar[Mapping[str, tuple[str, str]]] = {
        _TRAIL: ("service.cli.audit.trail", "Print the audit trail of SUBJECT, or the newest of everybody's."),
        "verify": ("service.cli.audit.verify", "Verify that a database or a bundle is what its log says."),
        "prove": ("service.cli.audit.prove", "Write a proof that others can check."),
        "log": ("service.cli.audit.log", "How the log stands that proves the trail."),
        "publish": ("service.cli.audit.publish", "Publish the newest head of the log."),
        "new-epoch": ("service.cli.audit.new_epoch", "Begin another epoch of the log."),
        "keygen": ("service.cli.audit.keygen", "Make a key that signs heads of the log."),
    }

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Take what names no command, an option among it, for the trail's own."""
        if args and args[0] not in self.places:
            return _TRAIL, self.get_command(ctx, _TRAIL), args
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Leave every option but the help to the trail."""
        if not args:
            args = [_TRAIL]
        elif args[0] not in (*self.places, *ctx.help_option_names):
            args = ["--", *args]
        return super().parse_args(ctx, args)


command = Audit(
    "audit",
    help="""Print the audit trail of SUBJECT, or the newest of everybody's; or look after the log that proves it.

    \b
    SUBJECT is one of
      order_copies/ID, recurring_order_copies/ID
      orders/ID                with the copies that it is the source or target of
      order_subscriptions/ID   with its copies
      ID                       where only one of them has it
    """,
    subcommand_metavar="SUBJECT [OPTIONS] | COMMAND …",
)
