"""copydesk recurring."""

from __future__ import annotations

import click

from service.cli.listing import list_command, show_command
from service.cli.provider import Kind
from service.resources import reference

KIND = Kind(reference.RECURRING_ORDER_COPIES, lambda client: client.recurring_order_copies)

command = click.Group(
    "recurring",
    help="Recurring order copies at Commerce Layer.",
    commands=[list_command(KIND), show_command(KIND)],
)
