"""What a request to the sandbox's own surface may ask: plain JSON, and nothing that is not known."""

from __future__ import annotations

import inspect
import json
from typing import Any, TypeVar

from flask import request

T = TypeVar("T")


def arguments() -> dict[str, Any]:
    """The members of the body; an empty body has none.

    Raises:
        ValueError: it is no JSON object.
    """
    try:
        given = json.loads(request.get_data() or b"{}")
    except ValueError:
        raise ValueError("the body must be a JSON object") from None
    if not isinstance(given, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004
    return given


def asked(wanted: type[T]) -> T:
    """Make a value of the body's members: one that it does not take is the caller's mistake."""
    given = arguments()
    strange = set(given) - set(inspect.signature(wanted).parameters)
    if strange:
        raise ValueError(f"{min(strange)} is not known here")
    return wanted(**given)
