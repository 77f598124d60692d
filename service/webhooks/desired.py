"""What webhooks an installation should have: one for each topic that its handlers need. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from service.errors import ConfigurationError
from service.resources import FACTORY_TYPES
from service.router import Router
from service.settings import PREFIX, Settings
from service.topics import KNOWN_TOPICS

# `reference` and `reference_origin` are for whoever makes a resource, to find it again:
# https://docs.commercelayer.io/core/external-resources
ORIGIN = "copydesk"
# Without these a copy's body does not say which orders it is about, only where to ask:
# https://docs.commercelayer.io/core/real-time-webhooks#including-associated-resources
FACTORY_INCLUDES = ("source_order", "target_order", "order_subscription")


@dataclass(frozen=True, slots=True)
class Desired:
    """One webhook as it should be.

    Attributes:
        name: unique at the provider, so that making it twice is refused there.
        reference: which installation it is of: its public address.
    """

    topic: str
    callback_url: str
    include_resources: tuple[str, ...]
    name: str
    reference: str


def desired(settings: Settings, router: Router) -> tuple[Desired, ...]:
    """Say which webhooks there should be, in the order of their topics.

    Raises:
        ConfigurationError: the address where the provider reaches us is not set.
    """
    if not settings.public_url:
        raise ConfigurationError(
            [f"{PREFIX}PUBLIC_URL: is not set; webhooks need the address at which the provider reaches `serve`"]
        )
    return tuple(one(settings.public_url, topic) for topic in topics(router, settings.webhook_topics))


def topics(router: Router, chosen: Iterable[str] = ()) -> list[str]:
    """The concrete topics that handlers need, or that were chosen instead."""
    if not (asked := [*chosen]):
        return router.wanted()
    found = set[str]()
    for topic in asked:
        resource, _, action = topic.partition(".")
        found |= {f"{resource}.{one}" for one in KNOWN_TOPICS.get(resource, ())} if action == "*" else {topic}
    return sorted(found)


def one(public_url: str, topic: str) -> Desired:
    """The webhook of one topic."""
    includes = FACTORY_INCLUDES if topic.partition(".")[0] in FACTORY_TYPES else ()
    return Desired(
        topic=topic,
        callback_url=f"{public_url}/webhooks/{topic}",
        include_resources=includes,
        name=f"Copydesk {topic} at {urlsplit(public_url).netloc}",
        reference=public_url,
    )


def name_of_successor(wanted: Desired, rotation: int) -> str:
    """The name of the webhook that a rotation makes: the same whenever the rotation is taken up again."""
    return f"{wanted.name}, rotation {rotation}"
