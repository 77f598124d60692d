"""The page for operators says what the code does: answers, endpoints, log lines, guards, and the files to install."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from handlers import MODULES
from service.follow_ups.settle_source_order import CANCELLABLE
from service.intake.door import MAX_BODY, MAX_PARSED_AT_ONCE
from service.intake.writer import PATIENCE
from service.router import Router
from service.settings import Settings
from service.topics import KNOWN_TOPICS
from service.web import create_app, webhook
from service.web.app import _WORDS as ANSWERS
from tests.docs.pages import PAGES, ROOT, code_spans, page, rows, section, words

PAGE = "docs/operations.md"
_LEVELS = {"info": "info", "warning": "warning", "error": "error", "exception": "error"}


def _calls(*skipped: str) -> Iterator[ast.Call]:
    for path in sorted((ROOT / "service").rglob("*.py")):
        if not set(skipped) & set(path.parts):
            yield from (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call))


def _logged() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The event, level and fields of every line that the service logs by itself."""
    for call in _calls("sandbox"):
        target = call.func
        if not isinstance(target, ast.Attribute) or target.attr not in _LEVELS or not call.args:
            continue
        if ast.unparse(target.value) in ("log", "structlog.get_logger(__name__)"):
            fields = tuple(str(keyword.arg) for keyword in call.keywords)
            yield ast.literal_eval(call.args[0]), _LEVELS[target.attr], fields


def test_it_opens_with_symptoms() -> None:
    assert re.match(r"# Operations\n\n## Symptoms\n\n\| what you see \| what it means \| what to press \|", page(PAGE))
    assert all(all(row) for row in rows(section(PAGE, "Symptoms")))


def test_every_log_line_is_told_with_its_fields() -> None:
    told = {(row[0].strip("`"), row[1], tuple(code_spans(row[2]))) for row in rows(section(PAGE, "Logs"))}
    assert told == set(_logged())


def test_every_reason_of_a_refusal_is_told_beside_its_answer() -> None:
    told = {row[0]: code_spans(row[1]) for row in rows(section(PAGE, "Answers to the sender"))}
    raised = {
        (status.value, word)
        for call in _calls()
        if ast.unparse(call.func) == "RequestRefused" and isinstance(status := call.args[0], ast.Constant)
        for word in _texts(call.args[1])
    }
    for status, reason in raised:
        answered = next(cell for cell in told if cell.startswith(str(status)))
        assert reason in told[answered], reason
    reasons = {word for cell, spans in told.items() if cell[0] in "45" for word in spans}
    assert reasons - {f"Retry-After: {webhook.RETRY_AFTER}"} == {reason for _, reason in raised}


def _texts(argument: ast.expr) -> set[str]:
    return {str(node.value) for node in ast.walk(argument) if isinstance(node, ast.Constant) and node.value is not None}


def test_answers_and_limits_are_those_of_the_code() -> None:
    told = section(PAGE, "Answers to the sender")
    for status, words_ in ANSWERS.items():
        assert f"| {status} `{words_.strip()}` |" in told
    assert f"`Retry-After: {webhook.RETRY_AFTER}`" in told
    assert f"within {PATIENCE:g} seconds" in told
    assert f"({webhook.BODY_SECONDS:g} seconds)" in told
    assert f"over {MAX_BODY >> 20} MiB" in told
    assert f"over {MAX_PARSED_AT_ONCE >> 10} KiB" in page("docs/glossary.md")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The web process's application, on a database of its own."""
    url = f"sqlite:///{tmp_path_factory.mktemp('docs')}/copydesk.db"
    made = create_app(Settings(database_url=url), Router(MODULES))
    yield made
    made.extensions["copydesk"].close()


def test_every_endpoint_is_told_and_no_other(app: Flask) -> None:
    served = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        # Those of the API have a page of their own: tests/docs/test_api.py.
        if not rule.endpoint.startswith("api.")
        for method in rule.methods or ()
        if method in _OWN
    }
    assert {row[0].strip("`") for row in rows(section(PAGE, "Health")) if "/" in row[0]} == served
    spans = {span for path in PAGES for span in code_spans(path.read_text("utf-8"))}
    shown = {span for span in spans if re.match(rf"({'|'.join(_OWN)}) /(?!{'|'.join(_OTHERS)})\w", span)}
    # Under /api are endpoints of ours and of the provider, whose pages name them alike.
    assert shown == {one for one in served if "/api/" not in one}


_OWN = ("GET", "POST", "PUT", "PATCH", "DELETE")
# The provider's endpoints, and those of the sandbox, which has tests of its own.
_OTHERS = ("api", "oauth", "sandbox")


def test_every_field_of_readiness_is_told(app: Flask) -> None:
    told = {row[0].strip("`") for row in rows(section(PAGE, "Health")) if "/" not in row[0]}
    fields = set(app.test_client().get("/readyz").get_json())
    assert fields <= told
    assert told - fields == {"worker_seen_seconds_ago"}


def test_the_cancellable_states_are_those_of_the_code() -> None:
    told = {tuple(row) for row in rows(section(PAGE, "When a source order is cancelled")) if row[0] in _STATUSES}
    assert told == set(CANCELLABLE)


_STATUSES = {status for status, _, _ in CANCELLABLE}


def test_the_words_of_every_guard_are_those_of_the_record() -> None:
    source = (ROOT / "service/follow_ups/settle_source_order.py").read_text("utf-8")
    told = [row for row in rows(section(PAGE, "When a source order is cancelled")) if row[1].startswith("left: `")]
    quoted = [span for row in told for span in code_spans(row[1])]
    assert len(quoted) > 8
    assert [words_ for words_ in quoted if words_ not in source] == []


def test_every_policy_is_told() -> None:
    policies = Settings.model_fields["cancel_policy"].annotation
    told = words(section(PAGE, "When a source order is cancelled"))
    assert [word for word in told if f"'{word}'" in str(policies)] == ["requested", "never", "metadata"]


def test_the_topics_to_subscribe_to_are_published() -> None:
    named = [topic for row in rows(section(PAGE, "Webhooks at Commerce Layer")) for topic in code_spans(row[0])]
    assert len(named) > 10
    for topic in named:
        resource, _, action = topic.partition(".")
        assert action in KNOWN_TOPICS[resource], topic


def test_the_topics_to_subscribe_to_are_those_that_rules_name() -> None:
    named = {topic for row in rows(section(PAGE, "Webhooks at Commerce Layer")) for topic in code_spans(row[0])}
    asked = {topic for handler in Router(MODULES).handlers for topic in handler.topics if "*" not in topic}
    assert asked <= named


def test_pages_that_the_code_points_to_exist() -> None:
    for folder in ("service", "handlers", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            for name in re.findall(r"\bdocs/[\w/-]+\.md\b", path.read_text("utf-8")):
                assert (ROOT / name).is_file(), f"{Path(path).relative_to(ROOT)}: {name}"
