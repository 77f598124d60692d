"""The only door: a request, or an answer of the API, becomes a kept event."""

from service.intake.door import Door
from service.intake.writer import Writer

__all__ = ["Door", "Writer"]
