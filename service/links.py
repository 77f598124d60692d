"""Where a person can look at a resource: addresses in Commerce Layer's dashboard. Pure.

Source of their form: public code of the provider's dashboard, `/{mode}/{slug}/apps/{app}/list/{id}`.
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from service.settings import Settings
from service.soundness import is_loopback

_APPS = {"orders": "orders", "order_subscriptions": "subscriptions"}


def to(settings: Settings, subject: str) -> str | None:
    """The page of `orders/ID` or `order_subscriptions/ID`; None for what has no page, or where no API is set."""
    type_, _, id_ = subject.partition("/")
    if type_ not in _APPS or not id_ or not settings.api_url:
        return None
    if is_loopback(settings.api_url):
        return f"{settings.api_url}/api/{type_}/{quote(id_, safe='')}"
    slug = (urlsplit(settings.api_url).hostname or "").partition(".")[0]
    return f"{settings.dashboard_url}/{settings.mode}/{slug}/apps/{_APPS[type_]}/list/{quote(id_, safe='')}"
