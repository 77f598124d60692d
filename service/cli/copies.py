"""copydesk copies."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import click

from service.cli.asking import Asked, make, operator_of
from service.cli.listing import list_command, show_command
from service.cli.output import as_json
from service.cli.provider import Kind, ResourceId, provider, retrieve
from service.clients.writing import CopyArguments
from service.copying import Wish, arguments_of, impossible, inadvisable, newer_copies
from service.errors import Refused
from service.resources import reference

KIND = Kind(reference.ORDER_COPIES, lambda client: client.order_copies)
# https://docs.commercelayer.io/core/api-reference/order_copies/create
_FLAGS = {
    "--place-target/--no-place-target": ("place_target_order", "Place the target order."),
    "--reuse-wallet/--no-reuse-wallet": ("reuse_wallet", "Copy the payment source of the customer's wallet."),
    "--cancel-source/--no-cancel-source": ("cancel_source_order", "Cancel the source order when the copy is done."),
    "--apply-promotions/--no-apply-promotions": ("apply_promotions", "Apply promotions to the target order."),
    "--skip-errors/--no-skip-errors": ("skip_errors", "Complete despite errors."),
    "--ignore-invalid-coupon/--no-ignore-invalid-coupon": ("ignore_invalid_coupon", "Copy despite a bad coupon."),
}


class Metadata(click.ParamType[dict[str, Any]]):
    """A JSON object."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        """Read it."""
        try:
            found = json.loads(value) if isinstance(value, str) else value
        except ValueError:
            found = None
        if not isinstance(found, dict):
            self.fail('must be a JSON object, such as {"ticket": "17"}', param, ctx)
        return found


def _flags(command: Callable[..., None]) -> Callable[..., None]:
    """An option for every boolean argument; what is not given is left to the provider."""
    for flag, (name, help_) in reversed(_FLAGS.items()):
        command = click.option(flag, name, default=None, help=help_)(command)
    return command


def _answerable(command: Callable[..., None]) -> Callable[..., None]:
    """The options of who, why and whether to ask, read into one value."""

    @functools.wraps(command)
    def with_asked(reason: str, by: str | None, yes: bool, as_json: bool, **given: Any) -> None:
        command(asked=Asked(operator_of(by, reason), yes=yes, as_json=as_json), **given)

    options = (
        click.option("--reason", required=True, metavar="TEXT", help="Why, for the audit trail."),
        click.option("--by", metavar="NAME", help="Who does this; by default the user of the system."),
        click.option("--yes", is_flag=True, help="Do not ask."),
        as_json,
    )
    return functools.reduce(lambda made, option: option(made), reversed(options), with_asked)


@click.command("create")
@click.option("--source", "source", type=ResourceId(), required=True, metavar="ORDER_ID", help="The order to copy.")
@_flags
@click.option("--reference", metavar="TEXT", help="An identifier of yours.")
@click.option("--reference-origin", metavar="TEXT", help="The system that it belongs to.")
@click.option("--metadata", type=Metadata(), metavar="JSON", help="A JSON object of your own.")
@_answerable
def create(source: str, asked: Asked, **given: Any) -> None:
    """Copy an order.

    Asks first, on a terminal; without one, on live, it wants --yes. What is left out is as the provider has it. Who,
    why, the request and its result stand in the audit trail of orders/ORDER_ID and of the new copy.
    """
    arguments = cast("CopyArguments", {name: value for name, value in given.items() if value is not None})
    with provider() as here:
        here.client.check_identity()
        make(here, Wish(source, arguments, asked.operator), asked)


@click.command("retry")
@click.argument("id", type=ResourceId(), metavar="ID")
@click.option("--force", is_flag=True, help="Although it was copied again since, or is a subscription's run.")
@_answerable
def retry(id: str, force: bool, asked: Asked) -> None:  # noqa: A002 - the name that the help shows
    """Make a new copy in place of the failed or aborted copy ID, with that one's own arguments.

    Refused where a newer copy of the same order completed or is under way. The result stands in the audit trail of
    both copies.
    """
    with provider() as here:
        here.client.check_identity()
        read_at = datetime.now(UTC)
        failed = retrieve(here.client, KIND, id)
        if why := impossible(failed):
            raise Refused(why)
        if not force and (why := inadvisable(failed, newer_copies(here.client, failed))):
            raise Refused(f"{why}; --force retries it all the same")
        wish = Wish(str(failed.source_order_id), arguments_of(failed), asked.operator, failed.id, read_at)
        make(here, wish, asked)


command = click.Group(
    "copies",
    help="Order copies at Commerce Layer.",
    commands=[list_command(KIND), show_command(KIND), create, retry],
)
