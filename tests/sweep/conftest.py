"""A site that sweeps a sandbox, on each database in turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from handlers import MODULES
from service.budget import SharedBudget
from service.clients.commerce_layer import CommerceLayer
from service.intake import Door
from service.router import Router
from service.sandbox import Sandbox
from service.settings import Settings
from service.store import Store
from service.sweep.feeding import Site
from tests.bodies import ORGANIZATION, SECRETS
from tests.sweep.ground import NOWHERE


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    """A sandbox whose webhooks post to a port where nobody listens."""
    with Sandbox(step_seconds=0.0, retry_seconds=0.0, callback=NOWHERE, secrets=dict(SECRETS)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def client(running: Sandbox) -> Iterator[CommerceLayer]:
    """A client without a budget of its own."""
    with CommerceLayer(settings_for(running)) as made:
        yield made


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    """The sandbox, with nothing in it."""
    running.reset()
    return running


@pytest.fixture
def site(store: Store, sandbox: Sandbox, client: CommerceLayer) -> Site:
    """What sweeping needs; the limits are wide, since most tests are not about them."""
    settings = settings_for(sandbox)
    return Site(settings, store, Door.of(settings, Router(MODULES)), client, SharedBudget(settings, store))


@pytest.fixture
def narrow(site: Site) -> Iterator[Site]:
    """The same under the published limits."""
    settings = site.settings.model_copy(update={"attempts_per_minute": 0})
    budget = SharedBudget(settings, site.store)
    with CommerceLayer(settings, budget=budget) as client:
        yield replace(site, settings=settings, client=client, budget=budget)


def settings_for(sandbox: Sandbox) -> Settings:
    """Settings that lead to the sandbox."""
    return Settings(
        organization=ORGANIZATION,
        client_id=sandbox.options.client_id,
        client_secret=sandbox.options.client_secret,
        api_url=sandbox.url,
        auth_url=sandbox.url,
        slack_webhook_url=f"{sandbox.url}/sandbox/slack",
        attempts_per_minute=10_000,
    )
