"""The queues of the engine, with the budgets of the other side."""

from __future__ import annotations

from service.engine import QueueLimits
from service.settings import Settings


def queues(settings: Settings) -> dict[str, QueueLimits]:
    """The limits of each queue by its name.

    An attempt that asks the API makes one read and at most two writes; the published averages are 200 a minute live
    and 100 in test mode, for each of the two: https://docs.commercelayer.io/core/rate-limits
    Slack takes one message a second for each webhook: https://docs.slack.dev/apis/web-api/rate-limits
    Windows are of ten seconds, which is also the window of the provider's bursts.
    """
    a_minute = settings.attempts_per_minute or (180 if settings.mode == "live" else 90)
    return {
        "commerce_layer": QueueLimits(max(1, a_minute // 6), 10, concurrency=8, poll=0.1),
        "slack": QueueLimits(10, 10, concurrency=2, poll=0.25),
    }
