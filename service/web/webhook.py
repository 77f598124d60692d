"""POST /webhooks/<topic>: verify, keep, answer. It never calls out."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import structlog
from flask import Blueprint, Response, current_app, request

from service.errors import RequestRefused, StoreUnavailable
from service.intake.door import MAX_BODY
from service.web import body
from service.web.services import Services

log = structlog.get_logger(__name__)
webhook = Blueprint("webhook", __name__)

# Half of what the sender grants for everything: https://docs.commercelayer.io/core/real-time-webhooks
BODY_SECONDS = 2.5
BUSY, RETRY_AFTER = 503, "5"
# Where the WSGI environment holds the name that this request has in our answer and in our log.
REQUEST_ID = "copydesk.request_id"
TOPIC_HEADER = "X-CommerceLayer-Topic"
SIGNATURE_HEADER = "X-CommerceLayer-Signature"
_encode = json.JSONEncoder(sort_keys=True).encode
KEPT_HEADERS = (TOPIC_HEADER, SIGNATURE_HEADER, "Content-Type", "Content-Encoding", "User-Agent", "X-Request-Id")


@webhook.post("/webhooks/<topic>")
def receive(topic: str) -> Response:
    """Answer 200 once an authentic delivery is on disk, whatever it says; see docs/operations.md for the others."""
    services = Services.of(current_app)
    began = time.perf_counter()
    door = services.doors.door
    try:
        body.declared_length(request.environ, MAX_BODY)
        keys, signature = door.expect(topic, _single(TOPIC_HEADER), _single(SIGNATURE_HEADER))
        raw = body.read(request.environ, MAX_BODY, seconds=BODY_SECONDS)
        key = door.verify(keys, signature, raw)
    except RequestRefused as refusal:
        services.refusals.count(topic, refusal.reason)
        raise
    arrival = door.admit(topic, raw, _headers(), key, datetime.now(UTC))
    try:
        receipt = services.writer.keep(arrival)
    except StoreUnavailable as error:
        log.warning("not kept", request_id=request.environ[REQUEST_ID], topic=topic, error=str(error))
        return answer("busy\n", BUSY, {"Retry-After": RETRY_AFTER})
    if key.fingerprint in services.doors.unseen:
        services.doors.saw(key.fingerprint)
    log.info(
        "kept",
        request_id=request.environ[REQUEST_ID],
        topic=topic,
        verdict=receipt.verdict,
        event_id=receipt.event_id,
        key=key.fingerprint,
        ms=round((time.perf_counter() - began) * 1000, 1),
    )
    return answer("kept\n", 200)


def answer(text: str, status: int, headers: dict[str, str] | None = None) -> Response:
    """A constant plain text answer."""
    return Response(text, status, {"Content-Type": "text/plain; charset=utf-8"} | (headers or {}))


def _single(name: str) -> str | None:
    """A header that must be there once: WSGI joins repeated ones with a comma, which no value of ours has."""
    return request.environ.get("HTTP_" + name.upper().replace("-", "_"))


def _headers() -> str:
    found = {name: value for name in KEPT_HEADERS if (value := request.headers.get(name)) is not None}
    return _encode(found)
