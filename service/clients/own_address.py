"""Asking our own public address whether a web process of ours answers there, as the provider would reach it."""

from __future__ import annotations

from service.clients.http import Deadlines, Transport
from service.clients.peer import Peer, Request
from service.errors import OutsideError

_PEER = Peer("the public address")
_UNAUTHORIZED = 401


def unreached(callback_url: str, deadlines: Deadlines = Deadlines(connect=3, read=5, total=8)) -> str | None:  # noqa: B008 - frozen
    """Post something unsigned, which nobody but a web process that knows webhooks answers with 401.

    Args:
        callback_url: where a webhook would post.
        deadlines: how long it may take.

    Returns:
        Why the address does not do; None where it does.
    """
    transport = Transport(_PEER, deadlines)
    try:
        response = transport.send(Request("asking our own address", "POST", callback_url, {}, b"{}"))
    except OutsideError as error:
        return str(error)
    finally:
        transport.close()
    return None if response.status == _UNAUTHORIZED else f"{callback_url} answers {response.status}, not 401"
