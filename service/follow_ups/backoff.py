"""When to try again, and when to stop trying. Pure."""

from __future__ import annotations

FIRST, LONGEST = 2.0, 900.0
# A request whose fate is unknown may still be on its way: what is read too soon proves nothing.
AFTER_UNKNOWN = 10.0
MAX_STARTS = 3


def delay(number: int, luck: float, retry_after: float | None = None) -> float:
    """Seconds until the attempt after attempt `number`.

    Doubling, with jitter over the upper half, so that many that failed together do not come back together.

    Args:
        number: the attempt that failed, from 1.
        luck: a random number from 0 to 1.
        retry_after: what the other side asked for, seconds; it is the least, plus the jitter.
    """
    step = min(LONGEST, FIRST * 2.0 ** min(number, 16))
    wait = step * (0.5 + luck / 2)
    return wait if retry_after is None else max(wait, min(retry_after, LONGEST) * (1 + luck / 4))


def after_unknown(number: int, luck: float, retry_after: float | None = None) -> float:
    """Seconds until attempt `number`, of which nobody knows what came of it, is looked into.

    It grows like any other delay: an outside system that cannot be asked, such as Slack, would otherwise be told
    the same every ten seconds for a day.
    """
    return max(AFTER_UNKNOWN, delay(number, luck, retry_after))
