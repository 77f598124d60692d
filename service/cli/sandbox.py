"""copydesk sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from service.cli.addresses import host_and_port

if TYPE_CHECKING:
    from service.sandbox import Sandbox
    from service.settings import Settings

DEFAULT_BIND = "127.0.0.1:8081"


@click.command("sandbox")
@click.option("--bind", metavar="HOST:PORT", default=DEFAULT_BIND, show_default=True, help="Where to listen.")
@click.option("--callback", metavar="URL", help="Where to post webhooks; by default /webhooks at COPYDESK_BIND.")
def command(bind: str, callback: str | None) -> None:
    """Run a local Commerce Layer until it is told to stop.

    It takes the organization, mode, client and webhook secrets from the settings, so that it and Copydesk agree.
    """
    from service import settings  # noqa: PLC0415
    from service.errors import ConfigurationError  # noqa: PLC0415
    from service.sandbox import serve  # noqa: PLC0415

    loaded = settings.load()
    sandbox = _sandbox(loaded, bind, callback)
    try:
        serve(sandbox, lambda ready: click.echo(f"The sandbox listens at {ready.url}"))
    except OSError as error:
        raise ConfigurationError([f"the sandbox cannot listen at {bind}: {error.strerror or error}"]) from error


def _sandbox(loaded: Settings, bind: str, callback: str | None) -> Sandbox:
    from service.sandbox import Options, Sandbox  # noqa: PLC0415

    host, port = host_and_port(bind)
    secrets = {topic: [s.get_secret_value() for s in secrets] for topic, secrets in loaded.webhook_secrets.items()}
    given: dict[str, Any] = {
        "organization": loaded.organization,
        "client_id": loaded.client_id,
        "client_secret": loaded.client_secret.get_secret_value(),
    }
    return Sandbox(
        Options(
            host=host,
            port=port,
            mode=loaded.mode,
            secrets=secrets,
            callback=(callback or f"http://{loaded.bind}/webhooks") if secrets else "",
            # What is not set keeps the sandbox's own default.
            **{name: value for name, value in given.items() if value},
        )
    )
