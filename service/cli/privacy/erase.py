"""copydesk erase."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, reduce

import click

from service import settings
from service.cli.opening import PATIENT, kept
from service.cli.output import as_json as json_option
from service.cli.output import print_facts, print_json
from service.cli.privacy.leftovers import BEYOND, tell_leftovers
from service.cli.privacy.naming import subject_of
from service.cli.privacy.progress import bar, counter
from service.cli.webhooks.common import accountable, confirm
from service.errors import NotErased, NotFound, StoreUnavailable
from service.intake.replay import Operator
from service.privacy import erasure, plan, sealing
from service.privacy.plan import Extent, Plan
from service.store import Store, queries
from service.text import line
from service.vault import Vault

_SHOWN = 20
_TRIES = 3


@click.command("erase")
@click.argument("subject", required=False)
@click.option("--customer-email", "address", metavar="ADDRESS", help="Everybody whose bodies or texts hold it.")
@click.option(
    "--basis", default="request", show_default=True, metavar="TEXT", help="The legal ground, in a word or two."
)
@click.option("--dry-run", is_flag=True, help="Say what would be erased, and write nothing.")
@click.option("--vacuum", is_flag=True, help="Write a large SQLite file anew afterwards; nobody writes meanwhile.")
@accountable
@json_option
def command(  # noqa: PLR0913, PLR0917 - one for each option
    subject: str | None,
    address: str | None,
    basis: str,
    dry_run: bool,
    vacuum: bool,
    by: str | None,
    reason: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Erase all that is kept of SUBJECT, or of whoever has an e-mail address, and of all that belong to them.

    An order's copies, the orders these made and their subscription are of one customer: they go together, and are
    listed before you are asked. Bodies, headers, keys, names and texts go; what happened when stays, under erased/N,
    and the log still proves it. There is no way back.

    SUBJECT is TYPE/ID, such as orders/NgojhelVGm, or an ID alone where only one thing has it. Give no personal data in
    --basis and --reason: they stay in the audit trail.
    """
    if (subject is None) == (address is None) or address == "":
        raise click.UsageError("name a SUBJECT, or --customer-email ADDRESS")
    vault = Vault(settings.load().encryption_keys)
    why = erasure.Why(Operator(by or getpass.getuser(), reason).actor, line(basis, 80), reason and line(reason, 200))
    gone: list[erasure.Done] = []
    with kept(PATIENT) as store:
        planned = partial(_planned, store, vault, subject, address)
        wanted = planned()
        with store.read() as connection:
            extent = plan.extent(connection, wanted)
            if not dry_run:
                with _saying_what_went(gone):
                    plan.check(connection, wanted)
        if not as_json or not dry_run:
            _show(extent, as_json=as_json)
        if dry_run:
            if as_json:
                print_json({**_told(extent), "dry_run": True})
            return
        confirm("Erase all of this? There is no way back.", yes=yes)
        try:
            done = _erased(store, wanted, why, planned, gone)
        finally:
            # Pieces that went before a trouble leave the same behind.
            if gone:
                tell_leftovers(store, vacuum=vacuum, small_too=True)
    click.echo(BEYOND, err=True)
    if as_json:
        print_json({"places": dict(done.places), "deliveries": done.deliveries, "entries": done.entries})
        return
    places = sorted(done.places.values(), key=lambda place: int(place.partition("/")[2]))
    click.echo(f"Erased: {len(places)} subjects, {done.deliveries} bodies, {done.entries} entries of the trail.")
    click.echo(f"In their place stands {', '.join(places[:_SHOWN])}{' …' if places[_SHOWN:] else ''}.")


def _planned(store: Store, vault: Vault, subject: str | None, address: str | None) -> Plan:
    """Find what is to be erased.

    Raises:
        NotFound: nothing is kept of it.
    """
    if address is not None:
        with bar("bodies", sealing.newest(store)) as moved, counter("texts") as more:
            found = plan.plan_for_address(store, vault, address, lambda _table, rows: more(rows), moved)
        if not found.subjects and not found.apart and not any(found.mentions.rows.values()):
            raise NotFound("no kept body and no text holds this address")
        return found
    with store.read() as connection:
        if place := plan.erased_already(connection, subject or ""):
            raise NotFound(f"it was erased already, and stands as {place}")
        name = subject_of(connection, subject or "")
        if not queries.is_known(connection, name):
            raise NotFound(f"nothing is kept about {line(name, 80)}")
    with counter("texts") as more:
        return plan.plan(store, vault, [name], lambda _table, rows: more(rows))


def _erased(
    store: Store, wanted: Plan, why: erasure.Why, planned: Callable[[], Plan], gone: list[erasure.Done]
) -> erasure.Done:
    """Erase it, telling `gone` of each piece; where more belongs to it meanwhile, that goes too.

    Raises:
        NotErased: held, worked on, or more and more of it comes in.
    """
    with _saying_what_went(gone):
        for _ in range(_TRIES):
            if erasure.erase(store, wanted, why, told=gone.append) is not None:
                return reduce(erasure.Done.plus, gone)
            wanted = planned()
        raise NotErased("more that belongs to it came in meanwhile: try again")


@contextmanager
def _saying_what_went(gone: list[erasure.Done]) -> Iterator[None]:
    """Say with every trouble how far the erasure has come."""
    try:
        yield
    except (NotErased, StoreUnavailable) as error:
        number = sum(len(done.places) for done in gone)
        so_far = f"{number} subjects are erased, the same command goes on" if gone else "nothing was erased"
        raise type(error)(f"{error}; {so_far}") from error


def _told(extent: Extent) -> dict[str, object]:
    return {
        "subjects": list(extent.subjects),
        "events": extent.events,
        "bodies": extent.deliveries,
        "follow_ups": extent.follow_ups,
        "entries": extent.entries,
    }


def _show(extent: Extent, *, as_json: bool) -> None:
    more = f" and {len(extent.subjects) - _SHOWN} more" if extent.subjects[_SHOWN:] else ""
    facts = _told(extent) | {"subjects": ", ".join(extent.subjects[:_SHOWN]) + more}
    print_facts(facts, err=as_json)
