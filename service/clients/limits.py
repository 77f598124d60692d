"""What of the provider's rate limits a client knows: what answers say of it, and whom it asks before it spends.

Published, per address and in windows that slide: 200 requests a minute and 50 in ten seconds per endpoint for live
data, half of it for test data; reads that the provider can cache are counted apart. The headers speak of the minute
only. https://docs.commercelayer.io/core/rate-limits
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

SpendKind = Literal["read", "write"]
_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What an answer said of the minute's limit.

    Attributes:
        limit: requests in each interval.
        interval: its length in seconds.
        remaining: how many of them are left.
    """

    limit: int
    interval: int
    remaining: int


@dataclass(frozen=True, slots=True)
class Spend:
    """One request that is about to be made.

    Attributes:
        kind: reads and writes are counted apart.
        endpoint: what the burst limit counts by, such as "GET order_factories".
        seconds: how long may be waited at most, after which nothing could be sent in time.
    """

    kind: SpendKind
    endpoint: str
    seconds: float


# Returns when the request may be made; raises Unavailable, with `retry_after`, where that is too far off.
Budget: TypeAlias = Callable[[Spend], None]


def unlimited(_spend: Spend) -> None:
    """Let every request pass."""


def rate_limit(headers: Mapping[str, str]) -> RateLimit | None:
    """Read the X-Ratelimit headers (names in lower case); None where one is missing or is no number."""
    found = [headers.get(f"x-ratelimit-{name}", "") for name in ("limit", "interval", "remaining")]
    if not all(_NUMBER.fullmatch(value) for value in found):
        return None
    limit, interval, remaining = map(int, found)
    return RateLimit(limit, interval, remaining)
