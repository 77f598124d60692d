"""What an operator may write for a subject."""

from __future__ import annotations

import re

import sqlalchemy as sa

from service.errors import NotFound
from service.resources.values import ID_PATTERN
from service.store import queries
from service.text import line
from service.topics import KNOWN_TOPICS

_SUBJECT = re.compile(rf"([a-z_]+)/{ID_PATTERN.pattern}")


def is_subject(text: str) -> bool:
    """Tell whether it is `type/id` with a type of the provider's."""
    found = _SUBJECT.fullmatch(text)
    return found is not None and found[1] in KNOWN_TOPICS


def subject_of(connection: sa.Connection, text: str) -> str:
    """The full name of a subject, from itself or from an id that only one has.

    Raises:
        NotFound: it has no such form, or nothing or several things have the id.
    """
    if is_subject(text):
        return text
    known = queries.subjects_of(connection, text) if ID_PATTERN.fullmatch(text) else []
    if not known:
        raise NotFound(f"nothing is kept about {line(text, 80)}; a subject is TYPE/ID, such as orders/NgojhelVGm")
    if len(known) > 1:
        raise NotFound(f"{line(text, 80)} is several things: {', '.join(known)}")
    return known[0]
