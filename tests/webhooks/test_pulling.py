"""pull-callbacks: what is personal is masked, and what is left is posted, signed, to a Copydesk on this machine."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from service.masking import MASK, MASKED_EMAIL, masked
from service.sandbox import Sandbox
from service.store import open_store
from service.store.schema import deliveries, events
from tests.cli.conftest import command, environment
from tests.rows import rows
from tests.webhooks.conftest import TOPICS, Make, address, apply_all, settings_of, variables, web

DEVELOPMENT = {topic: f"{number}evelopment0evelopment0evelopm" for number, topic in enumerate(TOPICS)}


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("customer_email", "ada@example.org", MASKED_EMAIL),
        ("first_name", "Ada", MASK),
        ("line_1", "12 St James's Square", MASK),
        ("billing_info", "VAT 123", MASK),
        ("zip_code", "SW1Y 4JH", MASK),
        ("phone", "+44 20 7946 0000", MASK),
        ("lat", 51.5, 0),
        ("ip_address", "203.0.113.9", MASK),
        ("token", "c6b3a1", MASK),
        ("metadata", {"birthday": "1815-12-10", "vip": True, "n": 7}, {"birthday": MASK, "vip": True, "n": 0}),
        ("metadata", {"cancel_source_order": True}, {"cancel_source_order": True}),
        ("errors_log", {"payment": ["ada@example.org declined"]}, {"payment": [f"{MASKED_EMAIL} declined"]}),
        ("return_url", "https://shop.example/?accessToken=abc&x=1", f"https://shop.example/{MASK}&x=1"),
        ("note_to_self", "call +44 20 7946 0000 from 203.0.113.9", f"call {MASK} from {MASK}"),
        ("status", "completed", "completed"),
        ("number", "28030653", "28030653"),
        ("reference", None, None),
        ("started_at", "2026-03-02T09:00:00.000Z", "2026-03-02T09:00:00.000Z"),
        ("formatted_total_amount", "€153,00", "€153,00"),
        ("total_amount_cents", 15300, 15300),
        ("sku_name", "Black T-shirt", "Black T-shirt"),
        ("place_target_order", True, True),
    ],
)
def test_what_is_masked_and_what_is_not(name: str, value: Any, shown: Any) -> None:
    """People, places and devices are; states, amounts, times and ids are not."""
    document = {"data": {"id": "XAyRWNUzyN", "type": "orders", "attributes": {name: value}}}
    assert masked(document)["data"]["attributes"][name] == shown


def test_the_structure_stays() -> None:
    """Ids, types, links, relationships and meta are as they were, in what is included too."""
    resource = {
        "id": "XAyRWNUzyN",
        "type": "orders",
        "links": {"self": "/api/orders/XAyRWNUzyN"},
        "relationships": {"market": {"data": {"type": "markets", "id": "a"}}},
        "meta": {"mode": "test", "organization_id": "xRRkjDFafe"},
    }
    document = {"data": resource | {"attributes": {}}, "included": [resource | {"attributes": {"email": "a@b.cd"}}]}
    found = masked(document)
    assert found["data"] == document["data"]
    assert {name: found["included"][0][name] for name in resource} == resource
    assert found["included"][0]["attributes"] == {"email": MASKED_EMAIL}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_real_payloads_reach_a_copydesk_on_this_machine(site_of: Make, sandbox: Sandbox, tmp_path: Path) -> None:
    """The newest callbacks come to it oldest first, are understood, and hold no address of a customer."""
    apply_all(site_of())
    sandbox.play("good-copy")
    sandbox.settle()
    bind = address()
    url = f"sqlite:///{tmp_path}/development.db"
    settings = settings_of(sandbox, url, bind) | {"encryption_keys": "", "webhook_secrets": json.dumps(DEVELOPMENT)}
    with web(settings) as serving:
        call = command("pull-callbacks", "--last", 3, "--to", serving.url, "--json")
        told = subprocess.run(
            call, env=environment(**variables(settings)), capture_output=True, text=True, check=False, timeout=30
        )
    answers = json.loads(told.stdout)
    assert told.returncode == 0, told.stderr
    assert [one["status"] for one in answers] == [200] * 3
    store = open_store(url)
    kept = rows(store, deliveries)
    assert {one["result"] for one in rows(store, events)} == {"handled"}
    store.close()
    bodies = b"".join(one["body"] for one in kept).decode()
    assert set(re.findall(r"[\w.+-]+@[\w.-]+", bodies)) <= {MASKED_EMAIL}


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--to", "https://copydesk.example.com"), 2, "this machine only"),
        (("--to", "http://127.0.0.1:9", "--topic", "nonsense"), 2, "is not a topic"),
        (("--to", "http://127.0.0.1:9", "--topic", "orders.place"), 3, "has no secret for orders.place"),
    ],
)
def test_what_it_refuses(sandbox: Sandbox, tmp_path: Path, arguments: tuple[str, ...], code: int, told: str) -> None:
    """Other machines, no topics, and topics that nothing could be signed for: before anything is asked."""
    settings = settings_of(sandbox, f"sqlite:///{tmp_path}/x.db") | {"webhook_secrets": json.dumps(DEVELOPMENT)}
    refused = subprocess.run(
        command("pull-callbacks", *arguments),
        env=environment(**variables(settings)),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert refused.returncode == code
    assert told in refused.stderr
    assert sandbox.calls == []
