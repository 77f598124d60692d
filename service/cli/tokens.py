"""copydesk tokens: who may read over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from service.access import keeping
from service.access.tokens import SCOPES
from service.cli.commands import FOUND_TROUBLE
from service.cli.opening import kept, reading
from service.cli.output import Column, as_json, plain, print_json, print_table
from service.cli.site import actor, by_option
from service.moments import span
from service.store import api_tokens
from service.store.api_tokens import TokenRow

_COLUMNS = (
    Column("id", right=True),
    Column("name", fold=True, least=8),
    Column("scopes"),
    Column("is"),
    Column("until (UTC)"),
    Column("last used (UTC)"),
)
_reason = click.option("--reason", metavar="TEXT", help="Why, for the audit trail.")


class Lifetime(click.ParamType[timedelta | None]):
    """An age such as 90d, or never."""

    name = "lifetime"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002 - click's interface
        """How the help writes it."""
        return "90d|never"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta | None:
        """Read it as a span; None for never."""
        if value == "never":
            return None
        length = span(value)
        try:
            _ = datetime.now(UTC) + (length or timedelta.max)
        except OverflowError:
            length = None
        if not length:
            self.fail(f"{value!r} is neither a span such as 90d nor never", param, ctx)
        return length


@click.group("tokens")
def command() -> None:
    """Make, list and revoke the tokens with which the HTTP API is read."""


@command.command("create")
@click.argument("name")
@click.option("--scope", "scopes", type=click.Choice(SCOPES), multiple=True, default=("read",), help="read by default.")
@click.option(
    "--expires", "lifetime", type=Lifetime(), default="90d", show_default=True, help="For how long it is good."
)
@_reason
@by_option
def create(name: str, scopes: tuple[str, ...], lifetime: timedelta | None, reason: str | None, by: str | None) -> None:
    """Make a token for whoever NAME stands for, and print it: this once, since only its digest is kept.

    The scope act lets do what read lets do, and admin what act lets do.
    """
    now = datetime.now(UTC)
    until = None if lifetime is None else now + lifetime
    with kept() as store, store.write() as connection:
        token = keeping.create(connection, name, scopes, now, expires_at=until, by=actor(by), reason=reason)
    good = "for ever" if until is None else f"until {until:%Y-%m-%d %H:%M} UTC"
    click.echo(f"copydesk: the token {name} is good {good}; it is not shown again", err=True)
    click.echo(token)


@command.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List every token that was ever made, without the token itself."""
    now = datetime.now(UTC)
    with reading() as connection:
        rows = api_tokens.every(connection)
    if as_json:
        print_json([_told(row, now) for row in rows])
        return
    print_table(
        _COLUMNS,
        [(r.id, r.name, r.scopes, _standing(r, now), _day(r.expires_at) or "ever", _minute(r)) for r in rows],
    )


@command.command("revoke")
@click.argument("token", metavar="NAME|ID")
@_reason
@by_option
def revoke(token: str, reason: str | None, by: str | None) -> None:
    """Let a token open nothing from now on, in every process."""
    with kept() as store, store.write() as connection:
        row = keeping.revoke(connection, token, datetime.now(UTC), by=actor(by), reason=reason)
    if row is None:
        click.echo("copydesk: that token was revoked before", err=True)
        click.get_current_context().exit(FOUND_TROUBLE)
    click.echo(f"copydesk: the token {row.name} ({row.id}) opens nothing any more", err=True)


def _told(row: TokenRow, now: datetime) -> dict[str, Any]:
    """A token for programs; its digest is not among it."""
    told = {name: value for name, value in plain(row).items() if name != "hash"}
    return told | {"scopes": row.scopes.split(), "is": _standing(row, now)}


def _standing(row: TokenRow, now: datetime) -> str:
    if row.revoked_at is not None:
        return "revoked"
    return "good" if row.is_good(now) else "expired"


def _day(time: datetime | None) -> str | None:
    return None if time is None else f"{time:%Y-%m-%d}"


def _minute(row: TokenRow) -> str | None:
    return None if row.last_used_at is None else f"{row.last_used_at:%Y-%m-%d %H:%M}"
