"""copydesk pull-callbacks: development with real payloads, and without a tunnel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice

import click

from service import settings
from service.cli.commands import FOUND_TROUBLE
from service.cli.output import Column, as_json, print_json, print_table
from service.cli.posting import Answered, Delivery, post_all, target
from service.cli.provider import provider
from service.clients.commerce_layer import CommerceLayer
from service.errors import ConfigurationError
from service.masking import masked
from service.resources import EventCallback
from service.settings import Settings
from service.soundness import TOPIC_PATTERN, is_loopback

_KEPT = 200
_COLUMNS = (
    Column("topic"),
    Column("resource"),
    Column("status"),
    Column("ms", right=True),
    Column("no answer", fold=True),
)


@click.command("pull-callbacks")
@click.option("--last", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many, the newest.")
@click.option("--topic", metavar="TOPIC", help="Of one topic only.")
@click.option("--to", metavar="URL", required=True, help="A Copydesk on this machine: http://127.0.0.1:8080")
@as_json
def command(last: int, topic: str | None, to: str, as_json: bool) -> None:
    """Post what Commerce Layer lately sent to webhooks to a Copydesk on this machine, oldest first.

    Names, addresses, e-mail addresses, phone numbers, tokens, IP addresses and metadata are masked, and each body is
    signed with the secret of its topic in COPYDESK_WEBHOOK_SECRETS, so set development secrets there. The provider
    keeps callbacks for a month. Exits with 1 where an answer is not 200.
    """
    if topic is not None and not TOPIC_PATTERN.fullmatch(topic):
        raise click.BadParameter(f"{topic!r} is not a topic, such as order_copies.fail", param_hint="--topic")
    if not is_loopback(to):
        raise click.BadParameter("real payloads are posted to this machine only", param_hint="--to")
    loaded = settings.load()
    _check_secrets(loaded, topic)
    with provider() as asked:
        asked.client.check_identity()
        pulled = _pulled(asked.client, topic, last)
    rows = [_post(loaded, to, name, callback) for name, callback in reversed(pulled)]
    if as_json:
        print_json(rows)
    else:
        print_table(_COLUMNS, [[*row.values()] for row in rows])
    if any(row["status"] != _KEPT for row in rows):
        click.get_current_context().exit(FOUND_TROUBLE)


def _check_secrets(loaded: Settings, topic: str | None) -> None:
    """Refuse before anything is asked where nothing could be signed."""
    if not loaded.webhook_secrets or (topic and topic not in loaded.webhook_secrets):
        told = f"has no secret for {topic}" if topic else "is not set"
        raise ConfigurationError([f"COPYDESK_WEBHOOK_SECRETS: {told}, so nothing can be signed"])


def _pulled(client: CommerceLayer, topic: str | None, last: int) -> list[tuple[str, EventCallback]]:
    """The newest callbacks with their topics, the newest first."""
    filters = {"topic_eq": topic} if topic else {}
    fields = ("topic",)
    topics = {one.id: one.topic or "" for one in client.webhooks.list(filters=filters, fields=fields).items()}
    wanted = {"webhook_id_in": sorted(topics)} if topic else {}
    if topic and not topics:
        return []
    listing = client.event_callbacks.list(
        sort="-created_at", filters=wanted, include="webhook", page_size=min(last, 25)
    )
    return [*islice(_known(listing.items(), topics), last)]


def _known(callbacks: Iterator[EventCallback], topics: dict[str, str]) -> Iterator[tuple[str, EventCallback]]:
    for callback in callbacks:
        topic = topics.get(callback.webhook_id or "")
        if topic and callback.payload is not None:
            yield topic, callback


def _post(loaded: Settings, to: str, topic: str, callback: EventCallback) -> dict[str, object]:
    """Mask, sign and post one; a topic without a secret is told and left out."""
    body = json.dumps(masked(callback.payload), ensure_ascii=False, separators=(",", ":")).encode()
    data = (callback.payload or {}).get("data")
    resource = f"{data.get('type')}/{data.get('id')}" if isinstance(data, dict) else None
    secrets = loaded.webhook_secrets.get(topic)
    answer = Answered(None, 0.0, "no secret for its topic")
    if secrets:
        delivery = Delivery.signed(topic, body, secrets[0].get_secret_value())
        (answer,) = post_all(target(f"{to.rstrip('/')}/webhooks/{topic}"), [delivery], 1, lambda _answer: None)
    return {
        "topic": topic,
        "resource": resource,
        "status": answer.status,
        "milliseconds": answer.milliseconds,
        "error": answer.error,
    }
