"""All that the API offers, by type. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from service.web.api.offers import Offer
from service.web.api.own import OWN
from service.web.api.provider import PROVIDER

OFFERS: Mapping[str, Offer] = MappingProxyType({offer.type: offer for offer in (*PROVIDER, *OWN)})
# https://docs.commercelayer.io/core/api-specification/pagination
PAGE_SIZE, LARGEST_PAGE = 10, 25
# Beyond, a list says how many there are, and a filter or page[after] leads there.
DEEPEST_ROW = 1_000_000
