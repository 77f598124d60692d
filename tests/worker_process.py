"""Real worker processes, at a pace that suits tests, each stopped or killed by its own pid."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bodies import MODE, ORGANIZATION, ROOT, SECRETS

_START = """
import json, sys
from handlers import MODULES
from service import logs, settings
from service.router import Router
from service.worker import Pace, work
{before}
logs.configure()
work(settings.load("worker"), Router(MODULES), Pace(**json.loads(sys.argv[1])))
"""
# A dead worker is noticed within a second and a half here, and within twelve as shipped.
PACE = {"beat": 0.25, "dead_after": 1.5, "stranded_after": 3.0, "housekeeping": 1.0}
START_SECONDS = 40.0


@dataclass
class WorkerProcess:
    """One worker process."""

    process: subprocess.Popen[bytes]
    log_path: Path

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self.log_path.read_text()

    @property
    def name(self) -> str:
        """The name under which it beats."""
        return self.log.partition('"worker": "')[2].partition('"')[0]

    def wait_until_started(self) -> None:
        """Wait until it works."""
        eventually(lambda: "worker started" in self.log or self.process.poll() is not None, START_SECONDS)
        assert self.process.poll() is None, self.log

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self.process.terminate()
        return self.process.wait(40)


class Workers:
    """Starts workers of one installation."""

    def __init__(self, directory: Path, variables: dict[str, str]) -> None:
        """Take the settings they share, without their prefix."""
        self._directory = directory
        self._environment = {f"COPYDESK_{name.upper()}": value for name, value in variables.items()}
        self._environment |= {n: os.environ[n] for n in ("PATH", "HOME", "LANG", "TMPDIR") if n in os.environ}
        self.started: list[WorkerProcess] = []

    def start(self, *, before: str = "", wait: bool = True, pace: dict[str, float] | None = None) -> WorkerProcess:
        """Start a worker; `before` is code that runs in it first."""
        log_path = self._directory / f"worker-{len(self.started)}.log"
        command = [sys.executable, "-c", _START.format(before=before), dumps(PACE | (pace or {}))]
        with log_path.open("wb") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=log, stderr=subprocess.STDOUT)
        worker = WorkerProcess(process, log_path)
        self.started.append(worker)
        if wait:
            worker.wait_until_started()
        return worker

    def logs(self) -> str:
        """What all of them have written."""
        return "".join(worker.log for worker in self.started)


@contextmanager
def workers(database_url: str, sandbox_url: str, **settings: str) -> Iterator[Workers]:
    """Workers on a database that ask a sandbox; those still running at the end are killed."""
    variables = {
        "database_url": database_url,
        "webhook_secrets": dumps(dict(SECRETS)),
        "organization": ORGANIZATION,
        "mode": MODE,
        "client_id": "sandbox-client-id",
        "client_secret": "sandbox-client-secret",
        "api_url": sandbox_url,
        "auth_url": sandbox_url,
        "slack_webhook_url": f"{sandbox_url}/sandbox/slack",
        "cancel_grace_seconds": "0",
        "attempts_per_minute": "6000",
    } | settings
    with TemporaryDirectory() as directory:
        made = Workers(Path(directory), variables)
        try:
            yield made
        finally:
            for worker in made.started:
                if worker.process.poll() is None:
                    worker.kill()


def eventually(holds: Callable[[], bool], seconds: float, every: float = 0.05) -> bool:
    """Wait until something holds; tell whether it came to hold in time."""
    end = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < end:
        time.sleep(every)
    return held
