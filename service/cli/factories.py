"""copydesk factories."""

from __future__ import annotations

import click

from service.cli.listing import list_command, show_command
from service.cli.provider import Kind
from service.resources import reference

KIND = Kind(reference.ORDER_FACTORIES, lambda client: client.order_factories)

command = click.Group(
    "factories",
    help="Copies and recurring copies at Commerce Layer, together.",
    commands=[list_command(KIND), show_command(KIND)],
)
