"""The clients under gevent, as a gunicorn worker or an operator's script may run them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# Patching is for a whole process and for ever, so it has a process of its own.
SCRIPT = """
from gevent import monkey; monkey.patch_all()
import gevent, time
from contextlib import closing
from service.clients.commerce_layer import CommerceLayer
from service.clients.http import Deadlines
from service.errors import OutcomeUnknown
from service.settings import Settings
from tests.clients.conftest import token_answer
from tests.clients.faulty_server import FaultyServer, answer, dripping

found = answer(200, {"data": {"type": "orders", "id": "NgojhelVGm"}}, delay=0.05)
drip = dripping(b"HTTP/1.1 200 OK\\r\\nX: " + b"y" * 999)
auth, api, slow = (FaultyServer([act]) for act in (token_answer(delay=0.1), found, drip))

def client(server):
    settings = Settings(client_id="public", client_secret="secret", api_url=server.url, auth_url=auth.url)
    return CommerceLayer(settings, Deadlines(connect=1, read=1, total=1.5))

with closing(auth), closing(api), closing(slow), client(api) as good, client(slow) as bad:
    began = time.monotonic()
    reads = [gevent.spawn(good.retrieve_order, "NgojhelVGm") for _ in range(15)]
    writes = [gevent.spawn(bad.cancel_order, "NgojhelVGm") for _ in range(15)]
    gevent.joinall(reads + writes)
    assert time.monotonic() - began < 3, "a deadline did not hold"
    assert all(g.value.value.id == "NgojhelVGm" for g in reads)
    assert {type(g.exception) for g in writes} == {OutcomeUnknown}
    assert len(auth.requests) == 2, "one token for each client"
"""


def test_greenlets_share_one_token_and_keep_their_deadlines() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=root, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
