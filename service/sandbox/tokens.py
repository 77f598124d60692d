"""Access tokens, as Commerce Layer's authorization server gives them out.

Facts (Commerce Layer documentation, Authentication, and a recorded answer): client credentials; the same token is
returned until 15 minutes before its end, then a new one, and both are valid meanwhile; `expires_in` is the rest of
the life, so it may be far less than the whole of it, while `created_at` is when the token was made.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import threading
import time
from dataclasses import dataclass
from typing import Any

RENEWED_BEFORE_END = 900
_SCOPE = "market:all"
_HEADER = {"alg": "HS256", "typ": "JWT"}


@dataclass(frozen=True)
class Client:
    """The one integration application of the sandbox and the organization it belongs to."""

    organization: str
    slug: str
    mode: str
    id: str
    secret: str


class Tokens:
    """Gives out and recognises access tokens of one client."""

    def __init__(self, client: Client, life: int) -> None:
        """Begin without a token.

        Args:
            client: whose tokens.
            life: seconds a token is valid, two hours for an integration by default.
        """
        self._client = client
        self._life = life
        self._lock = threading.Lock()
        self._ends: dict[str, float] = {}
        self._current: tuple[str, float] | None = None
        self._older_by = 0.0

    @property
    def application(self) -> dict[str, Any]:
        """The application that the tokens belong to, as claims and event stores name it."""
        return {"id": self._client.organization[::-1], "kind": "integration", "public": False}

    def knows(self, client_id: str, client_secret: str) -> bool:
        """Tell whether these are the client's credentials."""
        given = f"{client_id}\0{client_secret}".encode()
        return hmac.compare_digest(given, f"{self._client.id}\0{self._client.secret}".encode())

    def give(self, issuer: str) -> dict[str, Any]:
        """The token endpoint's answer; `expires_in` is in seconds.

        Args:
            issuer: the authorization server's URL, for the claim `iss`.
        """
        with self._lock:
            present = self._now()
            if self._current is None or self._current[1] + self._life - present < RENEWED_BEFORE_END:
                token = self._make(issuer, int(present))
                self._current = (token, present)
                self._ends[token] = present + self._life
            token, made = self._current
            return {
                "access_token": token,
                "token_type": "Bearer",
                "expires_in": max(0, int(made + self._life - present)),
                "scope": _SCOPE,
                "created_at": int(made),
            }

    def valid(self, token: str) -> bool:
        """Tell whether a token was given out here and has not come to its end."""
        with self._lock:
            return self._ends.get(token, 0.0) > self._now()

    def age(self, seconds: float) -> None:
        """Let time pass for tokens only."""
        with self._lock:
            self._older_by += seconds

    def forget(self) -> None:
        """Forget every token that was given out: each becomes unknown."""
        with self._lock:
            self._ends.clear()
            self._current = None

    def _now(self) -> float:
        return time.time() + self._older_by

    def _make(self, issuer: str, issued: int) -> str:
        claims = {
            "organization": {
                "id": self._client.organization,
                "slug": self._client.slug,
                "enterprise": False,
                "region": "eu-west-1",
            },
            "application": self.application | {"client_id": self._client.id},
            "scope": _SCOPE,
            "exp": issued + self._life,
            "test": self._client.mode == "test",
            "rand": secrets.randbelow(10**9) / 10**9,
            "iat": issued,
            "iss": issuer,
        }
        # The signature is noise: nobody verifies it, and a token is recognised by having been given out.
        parts = [json.dumps(part, separators=(",", ":")).encode() for part in (_HEADER, claims)]
        return ".".join(_base64url(part) for part in [*parts, secrets.token_bytes(32)])


def _base64url(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()
