"""Who may read over HTTP, and may they see what is masked?"""

from service.access.caller import Caller
from service.access.guard import Guard
from service.access.unmasking import record_unmasking, unmask

__all__ = ["Caller", "Guard", "record_unmasking", "unmask"]
