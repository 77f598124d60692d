"""copydesk audit: the trail itself, and the log that proves it."""

from __future__ import annotations

import click

from service.cli.audit import keygen, log, new_epoch, prove, publish, trail, verify


class Audit(click.Group):
    """A group whose first argument may be a subject: `copydesk audit ID` prints its trail."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Take what names no command, an option among it, for the trail's own."""
        if args and args[0] not in self.commands:
            return trail.command.name, trail.command, args
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Leave every option but the help to the trail."""
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["--", *args]
        return super().parse_args(ctx, args)


command = Audit(
    "audit",
    help="""Print the audit trail of SUBJECT, oldest first; or look after the log that proves it.

    \b
    SUBJECT is one of
      order_copies/ID, recurring_order_copies/ID
      orders/ID                with the copies that it is the source or target of
      order_subscriptions/ID   with its copies
      ID                       where only one of them has it
    """,
    subcommand_metavar="SUBJECT [OPTIONS] | COMMAND …",
)
for one in (trail, verify, prove, log, publish, new_epoch, keygen):
    command.add_command(one.command)
