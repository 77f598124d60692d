"""copydesk work."""

from __future__ import annotations

import click


@click.command("work")
def command() -> None:
    """Run a worker until it is told to stop: it carries out follow-ups. Several may run at once."""
    from service import logs, settings  # noqa: PLC0415
    from service.cli.serve import switchboard  # noqa: PLC0415
    from service.worker import work  # noqa: PLC0415

    loaded = settings.load("worker")
    logs.configure(loaded.log_level)
    work(loaded, switchboard())
