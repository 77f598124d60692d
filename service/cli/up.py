"""copydesk up."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import string
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.cli.addresses import free_port
from service.errors import ConfigurationError

if TYPE_CHECKING:
    from service.settings import Settings

# What the caller may decide also for a first look; everything else is made for this run.
_TAKEN_OVER = ("DATABASE_URL", "LOG_LEVEL", "WEB_WORKERS")
_HIGHEST_CODE = 4
# Where the settings of the run are while it lasts, for commands in another terminal of the same folder.
SETTINGS_FILE = "copydesk-up.env"


@click.command("up")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Of the web process.")
@click.option("--sandbox-port", type=click.IntRange(0, 65535), default=8081, show_default=True, help="Of the sandbox.")
@click.option("--no-scenario", is_flag=True, help="Start everything and play nothing.")
@click.option("--once", is_flag=True, help="Stop after the scenario: 0 where all of it came out as expected.")
def command(port: int, sandbox_port: int, no_scenario: bool, once: bool) -> None:
    """Run everything for a first look, on this machine only, until Ctrl-C.

    Starts a sandbox and the processes of the Procfile, with secrets made for this run, plays a short scenario, and
    says what to try next. A port of 0 takes a free one. As long as it runs, copydesk-up.env holds its settings.
    """
    from service import settings  # noqa: PLC0415
    from service.cli.processes import TOUR, Processes  # noqa: PLC0415

    loaded = settings.load()
    _refuse_real(loaded)
    port, sandbox_port = free_port(port, "--port"), free_port(sandbox_port, "--sandbox-port")
    environment = _environment(loaded, port, sandbox_port)
    processes = Processes()
    sandbox = [*_python("service"), "sandbox", "--bind", f"127.0.0.1:{sandbox_port}"]
    processes.add_process("sandbox", f"exec {shlex.join(sandbox)}", env=environment)
    for name, line in _procfile().items():
        processes.add_process(name, line, env=environment)
    tour = [*_python("service.cli.tour"), "--program", _program()]
    tour += ["--no-scenario"] * no_scenario + ["--once"] * once
    processes.add_process(TOUR, f"exec {shlex.join(tour)}", env=environment)
    with _settings_in_file(environment):
        code = processes.run()
    if code:
        click.get_current_context().exit(code if 0 < code <= _HIGHEST_CODE else 1)


def _refuse_real(loaded: Settings) -> None:
    """Keep a sandbox's events out of a real installation's database.

    Raises:
        ConfigurationError: the settings are of a real organization.
    """
    from service.soundness import is_loopback  # noqa: PLC0415

    if loaded.api_url and not is_loopback(loaded.api_url):
        raise ConfigurationError(
            ["COPYDESK_API_URL: is of a real organization, whose database `up` would mix with a sandbox's: unset it"]
        )


def _environment(loaded: Settings, port: int, sandbox_port: int) -> dict[str, str]:
    """The environment of the children: secrets and ids of this run, and nothing of the caller's own organization."""
    from handlers import MODULES  # noqa: PLC0415
    from service.router import Router  # noqa: PLC0415
    from service.settings import PREFIX  # noqa: PLC0415

    sandbox = f"http://127.0.0.1:{sandbox_port}"
    made = {
        "WEBHOOK_SECRETS": json.dumps({topic: secrets.token_hex(16) for topic in Router(MODULES).wanted()}),
        "ORGANIZATION": "".join(secrets.choice(string.ascii_letters) for _ in range(10)),
        "MODE": "test",
        "CLIENT_ID": secrets.token_hex(16),
        "CLIENT_SECRET": secrets.token_hex(16),
        "API_URL": sandbox,
        "AUTH_URL": sandbox,
        "SLACK_WEBHOOK_URL": f"{sandbox}/sandbox/slack",
        # None, so that Copydesk steps in while somebody watches.
        "CANCEL_GRACE_SECONDS": "0",
        "BIND": f"127.0.0.1:{port}",
        "DATABASE_URL": loaded.database_url.get_secret_value(),
        "AUDIT_KEY": _audit_key(loaded.database_url.get_secret_value()),
    }
    kept = {n: v for n, v in os.environ.items() if not n.startswith(PREFIX) or n.removeprefix(PREFIX) in _TAKEN_OVER}
    kept.pop("CREDENTIALS_DIRECTORY", None)
    return kept | {PREFIX + name: value for name, value in made.items()} | {"PYTHONUNBUFFERED": "1"}


def _audit_key(url: str) -> str:
    """The key that signs the heads of this database's log: made once, and kept beside a SQLite file for the next run.

    For a first look only: a real one is where the database's owner is not.

    Raises:
        ConfigurationError: it cannot be written or read there.
    """
    import sqlalchemy as sa  # noqa: PLC0415

    from service.cli.secret_files import add_key  # noqa: PLC0415
    from service.merkle.notes import Signer  # noqa: PLC0415

    path = Path(f"{sa.make_url(url).database}.audit-key")
    if not url.startswith("sqlite:"):
        return ""
    try:
        if not path.exists():
            add_key(path, Signer("localhost/first-look", secrets.token_bytes(32)).secret, add=False)
        return path.read_text("utf-8").strip()
    except OSError as error:
        raise ConfigurationError([f"{path}: {error.strerror}"]) from None


@contextmanager
def _settings_in_file(environment: dict[str, str]) -> Iterator[None]:
    """Let a shell of the same user load the settings of this run, as long as it lasts.

    Raises:
        ConfigurationError: the file cannot be written here.
    """
    from service.settings import PREFIX  # noqa: PLC0415

    path = Path(SETTINGS_FILE)
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in environment.items() if name.startswith(PREFIX)]
    try:
        # What a killed run left behind may have another mode.
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.writelines(lines)
    except OSError as error:
        raise ConfigurationError([f"{path} cannot be written here ({error.strerror}): run `up` elsewhere"]) from None
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _procfile() -> dict[str, str]:
    """The processes of the Procfile, with this very installation's `copydesk`.

    Raises:
        ConfigurationError: there is none.
    """
    from honcho.environ import parse_procfile  # noqa: PLC0415

    places = (Path.cwd(), Path(__file__).resolve().parents[2])
    found = next((place / "Procfile" for place in places if (place / "Procfile").is_file()), None)
    if found is None:
        raise ConfigurationError(["there is no Procfile here: run `up` in the folder that holds Copydesk's"])
    return {name: _own(line) for name, line in parse_procfile(found.read_text()).processes.items()}


def _own(line: str) -> str:
    name, _, rest = line.partition(" ")
    # `exec`, so that a signal reaches the process itself and not only its shell.
    return f"exec {shlex.join(_python('service'))} {rest}" if name == "copydesk" else line


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", module]


def _program() -> str:
    """How the caller calls Copydesk, for commands to try in another terminal of this folder."""
    called = Path(sys.argv[0])
    if called.name != "copydesk":
        return f"{shlex.quote(sys.executable)} -m service"
    # In another terminal the environment may not be activated: a path works everywhere.
    called = called.absolute()
    return shlex.quote(str(called.relative_to(Path.cwd()) if called.is_relative_to(Path.cwd()) else called))
