"""copydesk webhooks: what there should be at Commerce Layer, what there is, and how the one becomes the other."""

from __future__ import annotations

import click

from service.cli.webhooks import applying, looking, rotating


@click.group("webhooks")
def command() -> None:
    """Keep one webhook a topic at Commerce Layer, and its secret in the store.

    Only webhooks that Copydesk made are ever changed; others are shown. Needs COPYDESK_PUBLIC_URL, an integration's
    credentials and COPYDESK_ENCRYPTION_KEYS.
    """


for one in (looking.plan, applying.apply, looking.list_, applying.reset, rotating.rotate):
    command.add_command(one)

__all__ = ["command"]
