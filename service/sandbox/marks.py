"""What every resource is marked with: its id, and moments as Commerce Layer writes them."""

from __future__ import annotations

import random
import string
from datetime import UTC, datetime

_ID_LETTERS = string.ascii_letters
_ID_LENGTH = 10
_IDS = random.Random()  # noqa: S311 (ids are no secrets)


def iso(moment: datetime) -> str:
    """Write a moment the way Commerce Layer does: UTC, milliseconds, Z."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def now() -> str:
    """The present moment, as `iso` writes it."""
    return iso(datetime.now(UTC))


def new_id() -> str:
    """An id that looks like the provider's: ten letters, case-sensitive."""
    return "".join(_IDS.choices(_ID_LETTERS, k=_ID_LENGTH))
