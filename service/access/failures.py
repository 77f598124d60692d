"""How often an address failed lately. Pure, but for what it remembers; the caller tells the time."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque

LIMIT = 10
SECONDS = 60.0
# About as many addresses as somebody could fill a few megabytes with; beyond it the ones seen longest ago are dropped.
_ADDRESSES = 10_000
# Whoever has one address of IPv6 has as many of its network: https://www.rfc-editor.org/rfc/rfc6177#section-2
_NETWORK = 64


class Failures:
    """A moving window of failures for each source address, in this process."""

    def __init__(self, limit: int = LIMIT, seconds: float = SECONDS) -> None:
        """Allow `limit` failures within `seconds`."""
        self._limit, self._seconds = limit, seconds
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def add(self, address: str, now: float) -> None:
        """Count one; `now` is of a clock that only goes forward, in seconds."""
        source = source_of(address)
        times = self._failed.setdefault(source, deque(maxlen=self._limit))
        times.append(now)
        self._failed.move_to_end(source)
        if len(self._failed) > _ADDRESSES:
            self._failed.popitem(last=False)

    def wait(self, address: str, now: float) -> float:
        """How many seconds an address has to wait until it may fail again; 0 where it may."""
        times = self._failed.get(source_of(address))
        if times is None or len(times) < self._limit:
            return 0.0
        return max(0.0, times[0] + self._seconds - now)


def source_of(address: str) -> str:
    """Whom an address stands for: itself, or its network."""
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(read, ipaddress.IPv4Address):
        return address
    if read.ipv4_mapped is not None:
        return str(read.ipv4_mapped)
    return str(ipaddress.ip_network((address, _NETWORK), strict=False).network_address)
