"""Which media types a request may ask for and bring: https://jsonapi.org/format/#content-negotiation. Pure."""

from __future__ import annotations

import re

MEDIA_TYPE = "application/vnd.api+json"
_WILD = ("*/*", "application/*")
_NOT_WANTED = re.compile(r"0(\.0{1,3})?")


def is_acceptable(accept: str | None) -> bool:
    """Tell whether an Accept header takes what we answer; without one everything is taken."""
    return accept is None or any(map(_takes, accept.split(",")))


def is_supported(content_type: str | None) -> bool:
    """Tell whether a Content-Type is none of JSON:API with parameters that we do not know."""
    type_, parameters = _parsed(content_type or "")
    return type_ != MEDIA_TYPE or set(parameters) <= {"profile"}


def _takes(part: str) -> bool:
    type_, parameters = _parsed(part)
    if _NOT_WANTED.fullmatch(parameters.pop("q", "1")):
        return False
    # Profiles that are not known are ignored; extensions are not.
    return type_ in _WILD or (type_ == MEDIA_TYPE and set(parameters) <= {"profile"})


def _parsed(part: str) -> tuple[str, dict[str, str]]:
    type_, *rest = (one.strip() for one in part.split(";"))
    return type_.lower(), {
        name.strip().lower(): value.strip() for name, _, value in (one.partition("=") for one in rest)
    }
