"""gunicorn's gevent worker, which answers what is not HTTP as we do: briefly, constantly, and never with a 5xx."""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import Any

import structlog
from gunicorn.http.errors import ParseException
from gunicorn.workers.ggevent import GeventWorker

log = structlog.get_logger(__name__)

_BAD_REQUEST = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: 12\r\n\r\nbad request\n"
)


class Worker(GeventWorker):  # type: ignore[misc]
    """Handles slow clients in greenlets; blames the sender for what the sender did."""

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer 400 to whatever could not be read as HTTP, be it malformed, too long or unknown.

        gunicorn's own answers have other statuses and quote the request, and so does its log.
        """
        if not isinstance(exc, ParseException | ssl.SSLError):
            super().handle_error(req, client, addr, exc)
            return
        log.warning("not HTTP", reason=type(exc).__name__)
        with suppress(OSError):
            client.sendall(_BAD_REQUEST)
