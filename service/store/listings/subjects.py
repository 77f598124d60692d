"""Whom a question means: a copy, an order with the copies made from or into it, a subscription with its copies."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa

from service.errors import BadFilter
from service.resources import is_id
from service.store import queries
from service.store.schema import states
from service.text import line

# Whatever stands behind the slash: the names of tokens, topics and files are subjects too.
_WRITTEN = re.compile(r"[a-z][a-z_]*/.+", re.DOTALL)
_LINKS = {
    "orders": (states.c.source_order_id, states.c.target_order_id),
    "order_subscriptions": (states.c.order_subscription_id,),
}


def subjects_meant(connection: sa.Connection, parameter: str, text: str) -> Any:
    """A query of every subject that is meant; what nobody knows is meant all the same, and finds nothing.

    Args:
        connection: a snapshot.
        parameter: the word that it is the value of.
        text: `type/id`, or an id that only one resource has.

    Raises:
        BadFilter: several resources have the id, or nothing that is known or could be is written so.
    """
    if not (_WRITTEN.fullmatch(text) or is_id(text)):
        raise BadFilter(parameter, f"{line(text, 80)} is not written as type/id, nor is it the id of a resource")
    known = [text] if "/" in text else queries.subjects_of(connection, text)
    if len(known) > 1:
        raise BadFilter(parameter, f"{line(text, 80)} is several things", known)
    subject = known[0] if known else text
    type_, _, id_ = subject.partition("/")
    parts = [sa.select(sa.literal(subject, sa.Text).label("subject"))]
    parts += [sa.select(states.c.subject).where(column == id_) for column in _LINKS.get(type_, ())]
    return sa.union_all(*parts) if len(parts) > 1 else parts[0]
