"""copydesk search."""

from __future__ import annotations

import click

from service.cli.asked import Shape, after_option, facets_option, filters, limit_option, print_facets, shaped
from service.cli.audit.trail import print_entries
from service.cli.opening import reading
from service.store.listings import LISTINGS, Asked


@click.command("search")
@click.argument("text", nargs=-1, required=True)
@filters("subject", "actor", "action", "since", "until")
@limit_option()
@after_option
@facets_option
@shaped
def command(
    text: tuple[str, ...], given: dict[str, str], limit: int, after: str | None, counted: bool, shape: Shape
) -> None:
    """Find TEXT in notes, errors, reasons and what became of attempts, newest first.

    All words must be there, in any order and any case; "a phrase" stands as it is, and begin* is any word that
    begins so. Nothing else has a meaning.
    """
    asked = Asked({"text": " ".join(text), **given}, limit=limit, after=after)
    with reading() as connection:
        if counted:
            print_facets(connection, LISTINGS["audit_entries"], asked.filters, shape)
        else:
            print_entries(connection, asked, shape)
