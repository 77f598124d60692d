"""A real web process and a provider that posts to it: deliveries verify, secrets rotate, and nothing leaks."""

from __future__ import annotations

import subprocess
import threading
import time
from contextlib import nullcontext
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from service.clients.own_address import unreached
from service.sandbox import Sandbox
from service.store import webhook_secrets
from service.store.schema import deliveries, webhook_rotations
from service.vault import Vault
from service.webhooks import apply, rotation
from service.webhooks.installation import Installation
from tests.cli.conftest import command, environment, process
from tests.rows import rows
from tests.webhooks.conftest import (
    OTHER_KEY,
    PICKED_UP,
    TOPICS,
    Make,
    address,
    apply_all,
    secrets_of,
    settings_of,
    until,
    variables,
    web,
    webhooks_of,
)


def refused(sandbox: Sandbox) -> list[object]:
    """Every attempt to deliver that was not answered with 200."""
    return [one for one in sandbox.deliveries if one["status"] != 200]


def test_applied_webhooks_deliver_and_a_rotation_refuses_nothing(
    site_of: Make, sandbox: Sandbox, database_url: str
) -> None:
    """From an empty store: applied, served, and rotated under a stream of copies; every answer is 200.

    By calling again on SQLite, by a worker's schedule on PostgreSQL. No secret is in the web process' log.
    """
    bind = address()
    settings = settings_of(sandbox, database_url, bind)
    site = site_of(PICKED_UP, public_url=f"http://{bind}")
    apply_all(site)
    topic = f"http://{bind}/webhooks/{TOPICS[0]}"
    assert "could not be reached" in str(unreached(topic))
    with web(settings) as serving:
        assert unreached(topic) is None
        assert "answers 405" in str(unreached(f"http://{bind}/healthz"))
        sandbox.play("good-copy")
        assert sandbox.settle()
        assert len(rows(site.store, deliveries)) == len(TOPICS)
        by_worker = not database_url.startswith("sqlite")
        with streaming(sandbox), process("work", **variables(settings)) if by_worker else nullcontext():
            for one in webhooks_of(sandbox):
                rotation.begin(site, one["topic"], one["id"])
            # As the command does; the schedule is due every ten seconds.
            until(lambda: all(next_.why != rotation.PICKING_UP for _, next_ in rotation.advance(site)))
            until(lambda: (by_worker or not rotation.advance(site)) and is_done(site), 25)
        assert sandbox.settle()
    assert refused(sandbox) == []
    assert len({one["key_fingerprint"] for one in rows(site.store, deliveries)}) == 2 * len(TOPICS)
    assert len(webhooks_of(sandbox)) == len(TOPICS)
    assert any('"secrets changed"' in line for line in serving.log)
    assert not [secret for secret in secrets_of(sandbox) if secret in "".join(serving.log)]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_new_topic_is_served_within_ten_seconds_and_a_bad_set_is_refused(
    site_of: Make, sandbox: Sandbox, database_url: str
) -> None:
    """Without a restart; and with a secret that cannot be decrypted among them, the old set stays in use."""
    bind = address()
    one = {"public_url": f"http://{bind}", "webhook_topics": TOPICS[0]}
    apply_all(site_of(**one))
    with web(settings_of(sandbox, database_url, bind)) as serving:
        more = site_of(PICKED_UP, public_url=f"http://{bind}")
        began = time.monotonic()
        steps = [*more_steps(more)]
        assert time.monotonic() - began < 10
        assert len(steps) == 2 * (len(TOPICS) - 1)
        sandbox.play("good-copy")
        assert sandbox.settle()
        spoil(more)
        until(lambda: any("changed secrets refused" in line for line in serving.log), 10)
        sandbox.play("good-copy")
        assert sandbox.settle()
    assert refused(sandbox) == []
    assert len(rows(more.store, deliveries)) == 2 * len(TOPICS)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_wrong_key_is_no_start(site: Installation, sandbox: Sandbox, database_url: str) -> None:
    """`serve` says so in one line, exits with 3, and names no key."""
    apply_all(site)
    settings = settings_of(sandbox, database_url, address()) | {"encryption_keys": OTHER_KEY}
    told = subprocess.run(
        command("serve"),
        env=environment(**variables(settings)),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert told.returncode == 3
    (line,) = told.stderr.splitlines()
    assert line.startswith("copydesk: COPYDESK_ENCRYPTION_KEYS: none of its keys decrypts what is in the store; ")


def is_done(site: Installation) -> bool:
    """Whether every rotation is closed."""
    return all(one["status"] == "done" for one in rows(site.store, webhook_rotations))


def more_steps(site: Installation) -> list[tuple[str, str]]:
    """Apply, waiting as the command does until every web process has the new secrets."""
    taken = [(one.topic, one.step) for one in apply.prepare(site, site.survey())]
    waiting = apply.to_enable(site.survey())
    at = apply.may_post_from(site, [id_ for _, id_ in waiting])
    assert at is not None
    time.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()))
    return taken + [(topic, apply.enable(site, topic, id_).step) for topic, id_ in waiting]


def spoil(site: Installation) -> None:
    """Put a secret into the store that this installation's key does not decrypt."""
    ciphertext = Vault([SecretStr(OTHER_KEY)]).lock(SecretStr("x" * 32))
    with site.store.write() as connection:
        webhook_secrets.store(connection, TOPICS[0], "elsewhere", ciphertext, "0" * 12, datetime.now(UTC))


class streaming:  # noqa: N801 - reads as what it does
    """Copies come without a pause for the length of a `with`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox, self._stop = sandbox, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(20)

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            self._sandbox.play("good-copy")
