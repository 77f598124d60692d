"""From a delivered event to the cancelled order, on an idle installation: `python -m benchmarks.followups`.

A real web process, a real worker and the sandbox. The copy asks for its source to be cancelled, the platform
forgets, and the grace period is zero; what is measured is the time from the answer to the delivery until the sandbox
saw the cancellation.
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import AbstractContextManager
from datetime import datetime
from statistics import median, quantiles

from benchmarks import servers
from service.sandbox import Sandbox

_SERVE = """
import gevent.monkey; gevent.monkey.patch_all()
import handlers
from service import logs
from service.router import Router
from service.settings import load
from service.web.server import serve
settings = load("web")
logs.configure("warning")
serve(settings, Router(handlers.MODULES))
"""
_WORK = """
import handlers
from service import logs
from service.router import Router
from service.settings import load
from service.worker import work
settings = load("worker")
logs.configure("warning")
work(settings, Router(handlers.MODULES))
"""
TOPIC = "order_copies.complete"
SECRET = "b3nchmark0b3nchmark0b3nchmark0b3"  # noqa: S105 - made up


def measure(url: AbstractContextManager[str], number: int) -> list[float]:
    """Milliseconds for each of `number` cancellations, one after another."""
    port = servers.free_port()
    callback = f"http://127.0.0.1:{port}/webhooks"
    with url as database_url, Sandbox(callback=callback, secrets={TOPIC: SECRET}, step_seconds=0) as sandbox:
        environment = {
            "COPYDESK_DATABASE_URL": database_url,
            "COPYDESK_BIND": f"127.0.0.1:{port}",
            "COPYDESK_ORGANIZATION": sandbox.options.organization,
            "COPYDESK_WEBHOOK_SECRETS": json.dumps({TOPIC: SECRET}),
            "COPYDESK_API_URL": sandbox.url,
            "COPYDESK_AUTH_URL": sandbox.url,
            "COPYDESK_CLIENT_ID": sandbox.options.client_id,
            "COPYDESK_CLIENT_SECRET": sandbox.options.client_secret,
            "COPYDESK_CANCEL_GRACE_SECONDS": "0",
            "COPYDESK_ATTEMPTS_PER_MINUTE": "6000",
        }
        with servers.process(_SERVE, [], environment), servers.process(_WORK, [], environment):
            servers.wait_for(("127.0.0.1", port))
            time.sleep(3)
            return [_one(sandbox) for _ in range(number)]


def _one(sandbox: Sandbox) -> float:
    made = sandbox.play("forgotten-source")
    until = time.monotonic() + 20
    while time.monotonic() < until:
        cancelled = [e for e in sandbox.effects if e["effect"] == "cancel" and e["id"] == made["source_order"]]
        delivered = [d for d in sandbox.deliveries if d["topic"] == TOPIC and d["resource"] == made["order_copy"]]
        if cancelled and delivered and delivered[0]["status"]:
            answered = datetime.fromisoformat(delivered[0]["at"]).timestamp() + delivered[0]["seconds"]
            return (datetime.fromisoformat(cancelled[0]["at"]).timestamp() - answered) * 1000
        time.sleep(0.02)
    raise TimeoutError(made)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=40)
    number = parser.parse_args().number
    print(f"{number} cancellations, one after another, from the answer to the effect")
    for name, url in (("SQLite", servers.sqlite_url()), ("PostgreSQL", servers.postgresql_url())):
        times = measure(url, number)
        print(f"{name:12} p50 {median(times):6.0f} ms   p95 {quantiles(times, n=20)[18]:6.0f} ms")


if __name__ == "__main__":
    main()
