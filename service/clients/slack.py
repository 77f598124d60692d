"""Slack's incoming webhook: one message out, nothing in.

Answers are classified as `service.clients.peer` describes. A post is a write: without an answer it may have
been shown. Sources: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks,
https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote, urlsplit

from pydantic import SecretStr

from service.clients.http import DEADLINES, Deadlines, Transport
from service.clients.json_api import word
from service.clients.peer import Peer, Request
from service.errors import Refused

# https://docs.slack.dev/reference/block-kit/blocks/header-block and .../section-block
HEADER_CHARACTERS = 150
SECTION_CHARACTERS = 3000
_OK = 200
_PEER = Peer("Slack")
# The joiners change how letters and emoji connect; every other format character can hide or reorder text.
_JOINERS = "\u200c\u200d"
_REMOVED = ("Cc", "Cf", "Cs")
_SPACES = dict.fromkeys(map(ord, "\t\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"), " ")


@dataclass(frozen=True, slots=True)
class Message:
    """What people are told. Every text may come from outside; rendering makes it harmless.

    Attributes:
        headline: one line; also the notification's text.
        lines: further lines, shown as they are.
        links: labels and http(s) addresses; a link to anything else is shown as its label.
    """

    headline: str
    lines: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()


class Slack:
    """Posts to one incoming webhook; safe for threads and greenlets, to be closed or used as a context manager.

    Args:
        webhook_url: where to post; whoever knows it can post, so it is shown nowhere.
        deadlines: how long a post may take.
    """

    def __init__(self, webhook_url: SecretStr, deadlines: Deadlines = DEADLINES) -> None:
        self._webhook_url = webhook_url
        self._transport = Transport(_PEER, deadlines)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection; the client must not be used afterwards."""
        self._transport.close()

    def post(self, message: Message) -> None:
        """Show `message` in the webhook's channel.

        Raises:
            Refused: the webhook or the message is not accepted (such as no_service, invalid_payload).
            Unavailable: it was certainly not shown; throttled or unreachable.
            OutcomeUnknown: it may have been shown.
        """
        request = Request(
            what="posting a message",
            method="POST",
            url=self._webhook_url.get_secret_value(),
            headers={"Content-Type": "application/json; charset=utf-8"},
            body=json.dumps(payload(message)).encode(),
        )
        response = self._transport.send(request)
        # Errors are one word of plain text: "no_service", "invalid_payload".
        said = response.body.strip().decode("ascii", "replace")
        if response.status != _OK:
            raise _PEER.failure(request, response, code=word(said))
        if said != "ok":
            raise Refused("posting a message: Slack answered 200 but not ok", status=_OK, code=word(said))


def payload(message: Message) -> dict[str, Any]:
    """Render `message` as Slack's JSON; pure.

    Texts go into `plain_text` blocks, where Slack reads no markup. The two places where it does, the
    notification's text and the links, are escaped.
    """
    headline = cut(visible(message.headline), HEADER_CHARACTERS) or "(no headline)"
    lines = cut("\n".join(filter(None, map(visible, message.lines))), SECTION_CHARACTERS)
    links = _links(message.links)
    blocks: list[dict[str, Any]] = [{"type": "header", "text": _plain(headline)}]
    if lines:
        blocks.append({"type": "section", "text": _plain(lines)})
    if links:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": links, "verbatim": True}})
    return {"text": escape(headline), "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def visible(text: str) -> str:
    """Keep of `text` what people can see, on one line: no controls, no bidirectional overrides, no new lines."""
    shown = (c for c in text.translate(_SPACES) if c in _JOINERS or unicodedata.category(c) not in _REMOVED)
    return "".join(shown).strip()


def cut(text: str, length: int) -> str:
    """Shorten `text` to `length` characters, with an ellipsis where something is missing."""
    return text if len(text) <= length else text[: length - 1] + "…"


def escape(text: str) -> str:
    """Escape the three characters that Slack's markup knows; call it once."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _links(links: tuple[tuple[str, str], ...]) -> str:
    """Join whole links with a middle dot, as many as a section holds: half a link would be markup again."""
    joined = ""
    for label, url in links:
        longer = " · ".join(filter(None, (joined, _link(label, url))))
        if len(longer) > SECTION_CHARACTERS:
            break
        joined = longer
    return joined


def _link(label: str, url: str) -> str:
    # `|` would end the address, a backtick would open code that swallows what follows.
    name = escape(cut(visible(label), HEADER_CHARACTERS).translate({ord("|"): "/", ord("`"): "'"})) or "link"
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    except ValueError:
        sound = False
    # Everything outside the characters of an address is percent-encoded, `<`, `>`, `|` and blanks among them.
    return f"<{escape(quote(visible(url), safe=_ADDRESS))}|{name}>" if sound else name


_ADDRESS = "%/:?#[]@!$&'()*+,;=-._~"
