"""Making and revoking tokens: the row and its audit entry in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from service.access.tokens import NAME_PATTERN, SCOPES, digest, new_token
from service.errors import NotFound, TokenRefused
from service.outcomes import Param
from service.store import api_tokens
from service.store.api_tokens import TokenRow
from service.store.audit import entry, write_audit


def create(
    connection: sa.Connection,
    name: str,
    scopes: Iterable[str],
    now: datetime,
    *,
    expires_at: datetime | None,
    by: str,
    reason: str | None = None,
) -> str:
    """Make a token and keep its digest.

    Args:
        connection: in a transaction that writes.
        name: what it is for; the trail names whoever shows it so.
        scopes: what it lets do.
        now: the time.
        expires_at: from when on it is good for nothing; None for never.
        by: who makes it, as the audit trail names them.
        reason: why.

    Returns:
        The token. It cannot be had again.

    Raises:
        TokenRefused: the name is none, or another token that is not revoked has it.
    """
    if not NAME_PATTERN.fullmatch(name):
        raise TokenRefused("a name is a letter, then letters, digits, dots, dashes and underscores, 64 at most")
    told = " ".join(scope for scope in SCOPES if scope in set(scopes))
    token = new_token()
    id_ = api_tokens.add(connection, name, digest(token.encode()), told, now, by=by, expires_at=expires_at)
    if id_ is None:
        raise TokenRefused(f"there is a token {name} already; revoke it first, or take another name")
    detail: dict[str, Param | datetime] = {"token_id": id_, "scopes": told, "expires_at": expires_at, "reason": reason}
    write_audit(connection, [entry(now, f"tokens/{name}", by, "token.created", detail)])
    return token


def revoke(
    connection: sa.Connection, wanted: str, now: datetime, *, by: str, reason: str | None = None
) -> TokenRow | None:
    """Let a token open nothing from now on.

    Args:
        connection: in a transaction that writes.
        wanted: its name or its number.
        now: the time.
        by: who does it, as the audit trail names them.
        reason: why.

    Returns:
        Which one it was; None where it was revoked before.

    Raises:
        NotFound: there is none.
    """
    number = wanted if wanted.isascii() and wanted.isdigit() and len(wanted) < len(str(2**63)) else None
    row = api_tokens.by_id(connection, int(number)) if number else api_tokens.living(connection, wanted)
    if row is None:
        raise NotFound("there is no such token that is not revoked; copydesk tokens list")
    if not api_tokens.revoke(connection, row.id, now):
        return None
    detail = {"token_id": row.id, "reason": reason}
    write_audit(connection, [entry(now, f"tokens/{row.name}", by, "token.revoked", detail)])
    return row
