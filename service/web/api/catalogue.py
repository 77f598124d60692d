"""All that the API offers, by type. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from service.store.listings import LISTINGS
from service.web.api.offers import Offer
from service.web.api.own import OWN
from service.web.api.provider import PROVIDER

# Which list of the query layer has a resource's rows, and so understands its words.
LISTS: Mapping[str, str] = MappingProxyType(
    {name: name for name in LISTINGS}
    | dict.fromkeys(("order_factories", "order_copies", "recurring_order_copies"), "factories")
)


# What looks into bodies has no SQL; `metadata` filters are for that.
_PAYLOAD = "path"


def _with_words(offer: Offer) -> Offer:
    if offer.type not in LISTS:
        return offer
    return replace(offer, words=tuple(word for word in LISTINGS[LISTS[offer.type]].words if word != _PAYLOAD))


OFFERS: Mapping[str, Offer] = MappingProxyType({offer.type: _with_words(offer) for offer in (*PROVIDER, *OWN)})
# https://docs.commercelayer.io/core/api-specification/pagination
PAGE_SIZE, LARGEST_PAGE = 10, 25
# Beyond, a list says how many there are, and a filter or page[after] leads there.
DEEPEST_ROW = 1_000_000
