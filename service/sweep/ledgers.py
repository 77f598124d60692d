"""The provider's ledger of what it fired at our webhooks: event callbacks, kept for one month."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from service import events
from service.errors import BodyUnreadable
from service.resources import EventCallback, Webhook, instant
from service.store import queries
from service.sweep.feeding import Site
from service.sweep.proof import Fired

# https://docs.commercelayer.io/core/api-reference/event_callbacks: one month; a day less is certain.
FORGOTTEN_AFTER = timedelta(days=29)
# A callback is written down beside the delivery, not with it.
MARGIN = timedelta(minutes=10)


def our_webhooks(site: Site) -> list[Webhook]:
    """The provider's webhooks that post to Copydesk: by the path that belongs to their topic."""
    listed = site.client.webhooks.list(sort="created_at,id")
    return [
        one
        for page in site.paced(listed, "GET webhooks")
        for one in page.items
        if is_ours(one, site.settings.public_url)
    ]


def is_ours(webhook: Webhook, public_url: str) -> bool:
    """Tell whether a webhook posts to this Copydesk.

    With a public URL it is the one address; another installation's webhooks end in the same path. Without one there
    is nothing but the path to go by.
    """
    url = webhook.callback_url or ""
    if not webhook.topic:
        return False
    if public_url:
        return url == f"{public_url}/webhooks/{webhook.topic}"
    return urlsplit(url).path.endswith(f"/webhooks/{webhook.topic}")


def fired(site: Site, webhooks: Iterable[Webhook], begin: datetime, end: datetime) -> Iterator[list[Fired]]:
    """What was fired at these webhooks, page by page, oldest first; an event comes again with each attempt.

    The bodies of those that we have are left out.

    Raises:
        Refused, Unavailable: the API.
    """
    topics = {one.id: one.topic for one in webhooks if one.topic}
    listing = site.client.event_callbacks.changes(begin, end, time="created_at", include=("webhook",))
    for page in site.paced(listing, "GET event_callbacks"):
        read = [_read(site, one, topics.get(one.webhook_id or "")) for one in page.items]
        found = [one for one in read if one is not None]
        with site.store.read() as connection:
            kept = queries.known_keys(connection, {one.key for one in found})
        yield [_light(one) if one.key in kept else one for one in found]


def _read(site: Site, callback: EventCallback, topic: str | None) -> Fired | None:
    """The event of a callback; None where it is another webhook's, or not an event of ours."""
    if topic is None or callback.payload is None or callback.created_at is None:
        return None
    document = dict(callback.payload)
    try:
        event = events.read(topic, document, organization=site.settings.organization, mode=site.settings.mode)
    except BodyUnreadable:
        return None
    body = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    updated_at = instant(event.attributes.get("updated_at"))
    return Fired(event.key, topic, event.subject, callback.created_at, event.status, updated_at, body)


def _light(one: Fired) -> Fired:
    return Fired(one.key, one.topic, one.subject, one.at, one.status, one.updated_at)
