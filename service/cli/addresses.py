"""Addresses as they are given on the command line."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import click

from service.errors import ConfigurationError


def host_and_port(bind: str) -> tuple[str, int]:
    """Read HOST:PORT.

    Raises:
        BadParameter: it is something else.
    """
    parts = urlsplit(f"//{bind}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port is None:
        raise click.BadParameter(f"{bind!r} is not HOST:PORT, such as 127.0.0.1:8080")
    return host, port


def free_port(port: int, option: str) -> int:
    """Make sure that a port of this machine is free; 0 finds one.

    Raises:
        ConfigurationError: somebody listens there.
    """
    with socket.socket() as probe:
        # As servers do, so that a port whose last connections are still closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            reason = error.strerror or str(error)
            raise ConfigurationError([f"port {port} cannot be had ({reason}); choose another with {option}"]) from None
        return int(probe.getsockname()[1])
