"""Follow-ups: what is done outside after the commit. Each kind has a module, and three moves: read, decide, act.

`read` asks what is true now; `decide` is pure and says what that means; `act` does it, and is safe to do twice.
"""

from service.follow_ups import alert, hydrate, publish_checkpoint, settle_source_order
from service.follow_ups.moves import Kind

KINDS: dict[str, Kind] = {
    kind.name: kind for kind in (settle_source_order.KIND, hydrate.KIND, alert.KIND, publish_checkpoint.KIND)
}

__all__ = ["KINDS", "Kind"]
