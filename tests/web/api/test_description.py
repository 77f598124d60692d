"""The description says what the routes do, and the routes do what it says."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from service.store.keep import keep
from service.web.api.media import MEDIA_TYPE
from service.web.api.openapi import description
from tests.bodies import arrival
from tests.web.api.conftest import Desk, opened
from tests.web.api.test_lists import TOLD

with warnings.catch_warnings():
    # Its dependencies warn of each other while they are imported.
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
SCHEMA = schemathesis.openapi.from_dict(description("http://localhost"))
OPERATIONS = {f"{one.ok().method.upper()} {one.ok().path}": one.ok() for one in SCHEMA.get_all_operations()}
# `GET /api/TYPE/ID`: what has more parts is related to something.
SHORT = 3
# Of ids that there are, so that more than 404 is answered.
IDS = {"order_factories": "AAAAAAAAAA", "order_copies": "AAAAAAAAAA", "recurring_order_copies": "DDDDDDDDDD",
       "orders": "OrderOneee", "order_subscriptions": "SubscrOnee"}  # fmt: skip


@pytest.fixture(scope="module")
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk with something of everything, on each database."""
    if request.param == "sqlite":
        yield from _filled(f"sqlite:///{tmp_path_factory.mktemp('described')}/copydesk.db")
    else:
        with request.getfixturevalue("new_postgres")() as url:
            yield from _filled(url)


def _filled(url: str) -> Iterator[Desk]:
    for desk in opened(url):
        with desk.store.write() as connection:
            keep(connection, [arrival(topic, body) for topic, body in TOLD])
        yield desk


def test_every_route_is_described_and_no_other(quick: Desk) -> None:
    app: Flask = quick.http.application
    rules = {rule.rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("api.")}

    assert {re.sub(r"<(\w+)_>", r"{\1}", rule) for rule in rules} == set(description("")["paths"])


def test_it_is_served_to_everybody(quick: Desk) -> None:
    answer = quick.http.get("/api/openapi.json")

    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert json.loads(answer.data) == description("http://localhost")


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        # Lists and single resources each time; what is related to them, and the other database, in the long tests.
        *(pytest.param("sqlite", n, marks=[pytest.mark.long] if n.count("/") > SHORT else []) for n in OPERATIONS),
        *(pytest.param("postgresql", n, marks=pytest.mark.long) for n in OPERATIONS),
    ],
    indirect=["asked"],
)
def test_whatever_is_asked_is_answered_as_described(asked: Desk, name: str) -> None:
    """Made-up requests, right and wrong ones, are answered with what the description says, and never with a 5xx."""
    operation = OPERATIONS[name]
    strategy = st.one_of(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )

    @settings(max_examples=3, phases=[Phase.generate], suppress_health_check=[*HealthCheck], deadline=None)
    @given(case=strategy, known=st.booleans())
    def ask(case: schemathesis.Case, known: bool) -> None:
        if known and "id" in (case.path_parameters or {}):
            case.path_parameters |= {"type": "order_copies"} if "type" in case.path_parameters else {}
            case.path_parameters["id"] = IDS.get(name.split("/")[2], "1" if "timeline" not in name else "AAAAAAAAAA")
        headers = {"Authorization": f"Bearer {asked.tokens['act']}", "Accept": MEDIA_TYPE}
        answer = case.call(app=asked.http.application, headers=headers)
        case.validate_response(answer, checks=CHECKS)

    ask()
