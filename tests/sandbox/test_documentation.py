"""The sandbox's documentation and its index tell of all of it; and it stands on its own."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from service.sandbox import SCENARIOS, Options, Sandbox
from service.sandbox.bulk import Crowd
from service.sandbox.control import ROUTES, control
from service.sandbox.stage import NewOrder, NewSubscription
from service.sandbox.unrest import Disquiet
from service.sandbox.world import World

from .conftest import http

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs" / "sandbox.md").read_text(encoding="utf-8")


def test_it_imports_nothing_of_the_code_it_is_there_to_try() -> None:
    for file in (PROJECT / "service" / "sandbox").glob("*.py"):
        imported = re.findall(r"^(?:from|import) (service[.\w]*)", file.read_text(encoding="utf-8"), re.MULTILINE)
        strange = [name for name in imported if not name.startswith(("service.sandbox", "service.errors"))]
        assert strange == [], file.name


def test_the_index_lists_every_route_of_the_control_surface(sandbox: Sandbox) -> None:
    world = World(Options())
    app = Flask("routes", static_folder=None)
    app.register_blueprint(control(world))
    world.close()
    served = {
        f"{method} {rule.rule.replace('<', '{').replace('>', '}')}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert served == {"GET /"} | {route for route in ROUTES if "/sandbox" in route}
    text = http.get(sandbox.url).text
    assert all(route in text for route in ROUTES)


def test_the_documentation_names_every_scenario_and_every_route() -> None:
    assert [name for name in SCENARIOS if f"| `{name}`" not in PAGE] == []
    assert [route for route in ROUTES if f"`{route}`" not in PAGE] == []
    told = set(re.findall(r"`((?:GET|POST|DELETE) /sandbox/[^`]*)`", PAGE))
    assert told <= set(ROUTES)


@pytest.mark.parametrize(
    ("beginning", "takes"),
    [
        *((f"| `{name}` |", scenario) for name, scenario in SCENARIOS.items()),
        ("| `POST /sandbox/orders` |", NewOrder),
        ("| `POST /sandbox/factories` |", Crowd),
        ("| `POST /sandbox/subscriptions` |", NewSubscription),
        ("| `POST /sandbox/unrest` |", Disquiet),
    ],
)
def test_it_names_every_argument_of_a_scenario_and_of_a_route(beginning: str, takes: Callable) -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith(beginning)]
    names = set(inspect.signature(takes).parameters) - {"world"}
    assert [name for name in sorted(names) if f"`{name}`" not in row] == []
