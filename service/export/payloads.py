"""The bodies of deliveries, as somebody may see them: masked, or as they came where that was asked for and recorded."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from service import documents, masking
from service.errors import BodyUnreadable
from service.export.contents import Wish
from service.export.reading import Row, rows
from service.payloads import Payload, unsealed
from service.store.schema import deliveries as table
from service.vault import Vault

# What a body is called that cannot be masked, since it is not JSON.
UNREADABLE = "(not JSON: it cannot be masked)"
_KEPT = ("body", "headers", "salt", "data_key")


def texts(
    connection: sa.Connection, where: Sequence[sa.ColumnElement[bool]], vault: Vault, wish: Wish
) -> Iterator[list[Row]]:
    """Number and body of each delivery whose bytes are kept: as text, masked unless asked otherwise."""
    for part in rows(connection, table, [table.c[n] for n in ("id", *_KEPT)], [*where, _IS_KEPT], hexadecimal=False):
        found = [(id_, unsealed(vault, *kept)) for id_, *kept in part]
        yield [(id_, _raw(payload) if wish.unmask else _masked(payload, wish.shown)) for id_, payload in found]


_IS_KEPT = table.c.body.is_not(None)


def _raw(payload: Payload) -> str:
    return payload.body.decode("utf-8", "replace")


def _masked(payload: Payload, shown: Collection[str]) -> str:
    try:
        document = documents.parse(payload.body)
    except BodyUnreadable:
        return UNREADABLE
    return json.dumps(masking.masked(document, shown))


def unmasked_rows(
    connection: sa.Connection,
    columns: Sequence[sa.Column[Any]],
    where: Sequence[sa.ColumnElement[bool]],
    vault: Vault,
    *,
    hexadecimal: bool,
) -> Iterator[list[Row]]:
    """Rows of deliveries with body, headers and salt as they came, so that their commitments can be checked."""
    names = [column.name for column in columns]
    told = [column for column in columns if column.name not in _KEPT] + [table.c[name] for name in _KEPT]
    for part in rows(connection, table, told, where, hexadecimal=False):
        opened = (_opened(dict(zip((c.name for c in told), row, strict=True)), vault) for row in part)
        yield [tuple(_spelt(row[name], hexadecimal=hexadecimal) for name in names) for row in opened]


def _opened(row: dict[str, Any], vault: Vault) -> dict[str, Any]:
    body, headers, salt, key = (row[name] for name in _KEPT)
    if body is None:
        return row
    payload = unsealed(vault, body, headers, salt, key)
    return row | {"body": payload.body, "headers": payload.headers, "salt": payload.salt}


def _spelt(value: Any, *, hexadecimal: bool) -> Any:
    return value.hex() if hexadecimal and isinstance(value, bytes) else value
