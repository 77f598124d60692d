"""Faulty servers, clients of them with short deadlines, and canaries that must never be seen."""

from __future__ import annotations

import base64
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from service.clients.commerce_layer import CommerceLayer
from service.clients.http import Deadlines
from service.errors import OutsideError
from service.settings import Settings
from tests.clients.faulty_server import Action, FaultyServer, answer

# Short, but not so short that a busy machine trips over them.
DEADLINES = Deadlines(connect=0.3, read=0.3, total=0.5)
CANARY = "CANARY0secret0"

Serve = Callable[..., FaultyServer]
Ask = Callable[..., CommerceLayer]


def jwt(**changes: Any) -> str:
    """A token shaped like the provider's, with a canary for a signature."""
    claims = {
        "organization": {"id": "xRRkjDFafe", "slug": "acme", "enterprise": False, "region": "eu-west-1"},
        "application": {"id": "aBcDeFgHiJ", "client_id": "public", "kind": "integration", "public": False},
        "scope": "market:all",
        "exp": 1729788384,
        "test": True,
        "iat": 1729781184,
    } | changes
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJub25lIn0.{payload}.{CANARY}"


def token_answer(token: str | None = None, expires_in: object = 7200, delay: float = 0.0, **more: Any) -> Action:
    """A token endpoint's success, recorded shape."""
    body = {"access_token": token or jwt(), "token_type": "Bearer", "expires_in": expires_in, "scope": "market:all"}
    return answer(200, body | more, delay=delay)


def failure_of(call: Callable[[], object]) -> OutsideError:
    """The error that `call` raises; it must be one of ours, and tell nothing secret even in its traceback."""
    with pytest.raises(OutsideError) as caught:
        call()
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(vars(caught.value))
    assert CANARY not in shown
    return caught.value


@pytest.fixture(autouse=True)
def _canaries_stay_hidden(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail any test of this folder that logged a secret, at whatever level and by whichever library."""
    caplog.set_level(logging.DEBUG)
    yield
    assert CANARY not in caplog.text


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start faulty servers with the given script."""
    with ExitStack() as stack:
        yield lambda *script: stack.enter_context(closing(FaultyServer(list(script))))


@pytest.fixture
def ask(serve: Serve) -> Iterator[Ask]:
    """Make clients of Commerce Layer whose API and token endpoint are faulty servers."""
    with ExitStack() as stack:

        def make(api: FaultyServer, auth: FaultyServer | None = None, **options: Any) -> CommerceLayer:
            auth = auth or serve(token_answer())
            changes = options.pop("settings", {})
            settings = Settings(
                **{
                    "client_id": "public",
                    "client_secret": CANARY,
                    "api_url": api.url,
                    "auth_url": auth.url,
                    "organization": "xRRkjDFafe",
                    "mode": "test",
                }
                | changes
            )
            return stack.enter_context(CommerceLayer(settings, **{"deadlines": DEADLINES} | options))

        yield make
