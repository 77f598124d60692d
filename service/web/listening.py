"""Whether the web process can listen where it should, told before gunicorn tries again and again."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

from service.errors import ConfigurationError

# gunicorn takes listening sockets over from systemd, or from the process that it replaces.
_TAKEN_OVER = ("LISTEN_FDS", "GUNICORN_FD")


def check_free(bind: str) -> None:
    """Make sure that this process may listen there.

    Args:
        bind: as `Settings.bind` has it.

    Raises:
        ConfigurationError: somebody listens there, or this user may not.
    """
    if any(name in os.environ for name in _TAKEN_OVER):
        return
    try:
        if bind.startswith("unix:"):
            _try_path(Path(bind.removeprefix("unix:")))
        else:
            _try_port(bind)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigurationError([f"cannot listen at {bind} ({reason}): change COPYDESK_BIND or --bind"]) from None


def _try_port(bind: str) -> None:
    """Bind as gunicorn will: a port whose last connections are still closing counts as free."""
    host, _, port = bind.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host.strip("[]"), int(port)))
        # Two may bind to one port as long as neither listens; the second to listen is refused.
        probe.listen()


def _try_path(path: Path) -> None:
    """Look whether a socket can be made there; one that nobody answers on is replaced by gunicorn."""
    if path.exists():
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise FileExistsError(None, "there is a file that is no socket")
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                raise FileExistsError(None, "another process listens there")
    if not path.parent.is_dir():
        raise FileNotFoundError(None, "there is no such directory")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PermissionError(None, "this user may not write there")
