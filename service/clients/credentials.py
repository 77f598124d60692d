"""The access token: asked for once, shared by all threads, renewed in time; and whom it speaks for."""

from __future__ import annotations

import base64
import binascii
import copy
import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlsplit

from service.clients.http import Transport
from service.clients.json_api import document, error_code
from service.clients.peer import Peer, Request, Response
from service.errors import CredentialsRefused, OutsideError, Refused, Unavailable
from service.settings import PREFIX, Settings

# The endpoint hands out the same token until 15 minutes before its end and a new one from then on, so a
# margin beyond 15 minutes would ask in vain. https://docs.commercelayer.io/core/authentication
_MARGIN_SECONDS = 600.0
# The endpoint allows 30 requests a minute per address, which several processes share.
# https://docs.commercelayer.io/core/rate-limits
_REQUESTS_PER_MINUTE = 10
_FAILURE_SECONDS = 6.0
_UNSET_UNAUTHORIZED = (400, 401)
_OK = 200
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,8192}")
_HOST_SUFFIX = ".commercelayer.io"


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a token speaks for.

    Attributes:
        organization_id: the organization's id, as in `data.meta.organization_id` of its events.
        slug: its subdomain.
        mode: whether it reads and changes test or live data.
        kind: of the application; Copydesk needs `integration`.
        scope: such as market:all.
        expires_at: when the token ends, UTC.
    """

    organization_id: str
    slug: str
    mode: Literal["test", "live"]
    kind: str
    scope: str
    expires_at: datetime


class Credentials:
    """One access token per process, by client credentials; safe for threads and greenlets.

    Args:
        settings: auth_url, client_id and client_secret are used.
        peer: who issues the token.
        transport: what the request goes through.
        clock: seconds that only grow; tests hand in their own.
    """

    def __init__(
        self,
        settings: Settings,
        peer: Peer,
        transport: Transport,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._peer = peer
        self._transport = transport
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = self._ends_at = self._failed_until = float("-inf")
        self._failure: OutsideError | None = None
        self._asked: deque[float] = deque(maxlen=_REQUESTS_PER_MINUTE)

    def token(self, until: float, rejected: str = "") -> str:
        """The current token, or a new one near its end; one thread asks, the others wait for what it gets.

        Args:
            until: when the caller must have ended (`Transport.until`).
            rejected: the token that was answered INVALID_TOKEN; where it is still the current one, it is
                dropped.

        Raises:
            Unavailable: the endpoint is unreachable, throttled or broken, or was asked too often.
            Refused: it does not accept the credentials.
        """
        if not self._lock.acquire(timeout=max(0.0, until - time.monotonic())):
            raise Unavailable("asking for a token: no answer yet to the request that another thread made")
        try:
            if rejected and rejected == self._token:
                self._renew_at = self._ends_at = float("-inf")
            if self._clock() >= self._renew_at:
                self._renew(until)
            return self._token
        finally:
            self._lock.release()

    def _renew(self, until: float) -> None:
        """Ask for a token; a failure is remembered for a while, and forgiven while the old token lasts."""
        now = self._clock()
        if self._failure is None or now >= self._failed_until:
            try:
                self._count(now)
                self._token, lifetime = self._ask(until)
            except OutsideError as failure:
                self._failure = failure
                self._failed_until = now + max(_FAILURE_SECONDS, getattr(failure, "retry_after", None) or 0.0)
            else:
                self._failure = None
                self._ends_at = now + lifetime
                self._renew_at = self._ends_at - min(_MARGIN_SECONDS, lifetime / 2)
        if self._failure is not None and now >= self._ends_at:
            # A copy: the same exception raised in many threads would grow their tracebacks together.
            raise copy.copy(self._failure)

    def _count(self, now: float) -> None:
        if len(self._asked) == _REQUESTS_PER_MINUTE and now - self._asked[0] < 60:  # noqa: PLR2004
            raise Unavailable(
                f"asking for a token: already done {_REQUESTS_PER_MINUTE} times within a minute; waiting",
                retry_after=max(1.0, 60 - (now - self._asked[0])),
            )
        self._asked.append(now)

    def _ask(self, until: float) -> tuple[str, float]:
        """Ask the endpoint once.

        Returns:
            The token, and for how many seconds from now it is good: `expires_in`. Not `created_at` plus two
            hours, because the endpoint hands out tokens that are part spent.
        """
        settings = self._settings
        form = {
            "grant_type": "client_credentials",
            "client_id": settings.client_id,
            "client_secret": settings.client_secret.get_secret_value(),
        }
        request = Request(
            what="asking for a token",
            method="POST",
            url=f"{settings.auth_url}/oauth/token",
            headers={"Accept": "application/json", "Content-Type": "application/json"},
            body=json.dumps(form).encode(),
            repeatable=True,
        )
        response = self._transport.send(request, until)
        if response.status != _OK:
            hint = f"; check {PREFIX}CLIENT_ID and {PREFIX}CLIENT_SECRET"
            failure = self._peer.failure(
                request,
                response,
                code=error_code(response.body),
                hint=hint if response.status in _UNSET_UNAUTHORIZED else "",
            )
            if isinstance(failure, Refused):
                raise CredentialsRefused(
                    str(failure), status=failure.status, code=failure.code, request_id=failure.request_id
                )
            raise failure
        return self._read(request, response)

    def _read(self, request: Request, response: Response) -> tuple[str, float]:
        answer = document(response.body) or {}
        token, lifetime, kind = (answer.get(k) for k in ("access_token", "expires_in", "token_type"))
        # Recorded "Bearer", documented "bearer".
        bearer = isinstance(kind, str) and kind.lower() == "bearer"
        usable = isinstance(token, str) and _TOKEN.fullmatch(token)
        timed = isinstance(lifetime, int | float) and not isinstance(lifetime, bool) and lifetime > 0
        if not (bearer and usable and timed):
            raise self._peer.misunderstood(request, response)
        return str(token), float(lifetime)  # type: ignore[arg-type]


def read_identity(token: str) -> Identity:
    """Read whom `token` speaks for from its claims.

    The signature is not verified: the token is our own credential, received over TLS from its issuer; nobody
    else's rights hang on what it says.

    Raises:
        Unavailable: it is not a token of the known form.
    """
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return Identity(
            organization_id=str(claims["organization"]["id"]),
            slug=str(claims["organization"]["slug"]),
            mode={True: "test", False: "live"}[claims["test"]],  # type: ignore[arg-type]
            kind=str(claims["application"]["kind"]),
            scope=str(claims.get("scope", "")),
            expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        )
    except (
        binascii.Error,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        OverflowError,
        OSError,
        RecursionError,
    ):
        raise Unavailable("asking for a token: what was issued does not say whom it speaks for") from None


def disagreements(identity: Identity, settings: Settings) -> list[str]:
    """What of the settings contradicts the credentials: one sentence each, naming the setting."""
    host = urlsplit(settings.api_url).hostname or ""
    slug = host.removesuffix(_HOST_SUFFIX) if host.endswith(_HOST_SUFFIX) else identity.slug
    theirs = f"the credentials of {PREFIX}CLIENT_ID"
    found = [
        settings.organization != identity.organization_id
        and f"{PREFIX}ORGANIZATION: is {settings.organization or 'not set'}; {theirs} belong to "
        f"{identity.organization_id}",
        settings.mode != identity.mode and f"{PREFIX}MODE: is {settings.mode}; {theirs} are for {identity.mode} data",
        slug != identity.slug
        and f"{PREFIX}API_URL: leads to {slug}; {theirs} belong to https://{identity.slug}{_HOST_SUFFIX}",
        identity.kind != "integration"
        and f"{PREFIX}CLIENT_ID: is a {identity.kind} application; Copydesk needs one of the kind integration",
    ]
    return [sentence for sentence in found if sentence]
