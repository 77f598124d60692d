"""Everything about one subject, newest first: a resource whose rows are of many kinds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from service.errors import BadFilter
from service.masking import masked_attributes
from service.resources import is_id
from service.store import queries
from service.store.listings.timeline import Happened, timeline
from service.topics import KNOWN_TOPICS
from service.web.api.catalogue import LARGEST_PAGE, PAGE_SIZE
from service.web.api.objects import Json, identifier, written
from service.web.api.problems import Problem, not_among, not_found
from service.web.api.reading import Reading

TYPE = "happenings"
# Which of our resources each kind of row is.
KINDS = {
    "delivery": "deliveries",
    "transition": "transitions",
    "follow_up": "follow_ups",
    "attempt": "attempts",
    "incident": "incidents",
    "entry": "audit_entries",
}
PARAMETERS = ("page[after]", "page[size]")


def paging(parameters: Iterable[tuple[str, str]]) -> tuple[str | None, int]:
    """Read the cursor and the size.

    Raises:
        Problem: 400.
    """
    given: dict[str, str] = {}
    for name, value in parameters:
        if name not in PARAMETERS:
            raise not_among("PARAM_NOT_ALLOWED", "The parameter", name, PARAMETERS, source=name)
        if name in given:
            raise Problem("PARAM_GIVEN_TWICE", "A parameter may be given once.", source=name)
        given[name] = value
    size = given.get("page[size]", str(PAGE_SIZE))
    if not (size.isascii() and size.isdigit()) or len(size) > 9 or not 1 <= int(size) <= LARGEST_PAGE:  # noqa: PLR2004
        told = f"page[size] is a whole number from 1 to {LARGEST_PAGE}."
        raise Problem("INVALID_PAGE_VALUE", told, source="page[size]")
    return given.get("page[after]"), int(size)


def page(reading: Reading, type_: str, id_: str, base: str, after: str | None, size: int) -> Json:
    """What happened about a subject; of an order or a subscription, about its copies too.

    Raises:
        Problem: 400 for what is no subject or no cursor, 404 where nobody told of it.
    """
    if type_ not in KNOWN_TOPICS or not is_id(id_):
        raise Problem("INVALID_ID", "A subject is a type of Commerce Layer and an id, letters and digits.", source="id")
    subject = f"{type_}/{id_}"
    try:
        found = timeline(reading.connection, subject, limit=size, after=after)
    except BadFilter as error:
        raise Problem("INVALID_PAGE_VALUE", f"{error.message}.", source="page[after]") from None
    if not found.happened and not queries.is_known(reading.connection, subject):
        raise not_found()
    address, paged = f"{base}/api/timeline/{subject}", f"page[size]={size}"
    links = {"first": f"{address}?{paged}"}
    if found.earlier:
        links["next"] = f"{address}?page[after]={quote(found.earlier, safe='')}&{paged}"
    return {"data": [_told(one, base) for one in reversed(found.happened)], "links": links}


def _told(one: Happened, base: str) -> Json:
    type_ = KINDS[one.kind]
    what: dict[str, Any] = masked_attributes({name: written("", value) for name, value in one.what.items()})
    if "name" in what:
        # Which kind it is of, in a word of ours: nobody's name.
        what["name"] = one.what["name"]
    return {
        "id": f"{one.kind}-{one.id}",
        "type": TYPE,
        "attributes": {"at": written("datetime", one.at), "kind": one.kind, "subject": one.subject, "what": what},
        "relationships": {
            "row": {"links": {"related": f"{base}/api/{type_}/{one.id}"}, "data": identifier(type_, one.id)}
        },
    }
