"""The sandbox gives out access tokens by the provider's rules."""

import base64
import json

import httpx
import pytest

from service.sandbox import Sandbox

from .conftest import http

CREDENTIALS = {"client_id": "sandbox-client-id", "client_secret": "sandbox-client-secret"}
GRANT = {"grant_type": "client_credentials"}


def _claims(token: str) -> dict:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def _ask(sandbox: Sandbox) -> dict:
    return http.post(f"{sandbox.url}/oauth/token", json=GRANT | CREDENTIALS).json()


def test_the_claims_tell_the_organization_the_kind_and_the_mode(sandbox: Sandbox) -> None:
    given = _ask(sandbox)
    claims = _claims(given["access_token"])
    assert claims["organization"] == {
        "id": "xRRkjDFafe",
        "slug": "sandbox",
        "enterprise": False,
        "region": "eu-west-1",
    }
    assert claims["application"]["kind"] == "integration"
    assert claims["test"] is True
    assert claims["exp"] - claims["iat"] == 7200
    assert claims["iss"] == sandbox.url
    assert (given["token_type"], given["scope"]) == ("Bearer", "market:all")


@pytest.mark.parametrize(
    "request_",
    [
        {"json": GRANT | CREDENTIALS},
        {"data": GRANT | CREDENTIALS},
        {"data": GRANT, "auth": tuple(CREDENTIALS.values())},
    ],
    ids=["json", "form", "basic"],
)
def test_credentials_come_as_json_as_a_form_or_by_basic(sandbox: Sandbox, request_: dict) -> None:
    assert http.post(f"{sandbox.url}/oauth/token", **request_).status_code == 200


def test_wrong_credentials_are_refused(sandbox: Sandbox) -> None:
    answer = http.post(f"{sandbox.url}/oauth/token", json=GRANT | CREDENTIALS | {"client_secret": "wrong"})
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"


def test_the_same_token_comes_until_15_minutes_before_its_end_and_then_both_are_valid(sandbox: Sandbox) -> None:
    first = _ask(sandbox)
    http.post(f"{sandbox.url}/sandbox/tokens/age", json={"seconds": 6000})
    same = _ask(sandbox)
    assert same["access_token"] == first["access_token"]
    assert same["created_at"] == first["created_at"]
    assert 1195 <= same["expires_in"] <= 1200
    http.post(f"{sandbox.url}/sandbox/tokens/age", json={"seconds": 400})
    second = _ask(sandbox)
    assert second["access_token"] != first["access_token"]
    for given in (first, second):
        assert _status(sandbox, given["access_token"]) == 200


def test_an_expired_or_unknown_token_is_invalid(sandbox: Sandbox) -> None:
    token = _ask(sandbox)["access_token"]
    http.post(f"{sandbox.url}/sandbox/tokens/age")
    assert _status(sandbox, token) == 401
    fresh = _ask(sandbox)["access_token"]
    assert _status(sandbox, fresh) == 200
    http.post(f"{sandbox.url}/sandbox/tokens/forget")
    answer = _get(sandbox, fresh)
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["code"] == "INVALID_TOKEN"


def test_a_live_sandbox_says_so() -> None:
    with Sandbox(mode="live", organization="wRPpEFOElR") as live:
        token = _ask(live)["access_token"]
        assert _claims(token)["test"] is False
        assert _get(live, token).headers["X-Ratelimit-Limit"] == "200"


def _get(sandbox: Sandbox, token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.api+json"}
    return http.get(f"{sandbox.url}/api/orders", headers=headers)


def _status(sandbox: Sandbox, token: str) -> int:
    return _get(sandbox, token).status_code
