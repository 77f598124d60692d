"""copydesk trigger."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import BinaryIO
from urllib.parse import SplitResult

import click

from service import settings
from service.cli.commands import FOUND_TROUBLE
from service.cli.output import Column, as_json, console, print_facts, print_json, print_table
from service.cli.posting import Answered, Delivery, post_all, target
from service.cli.specimens import new_id, specimen, value
from service.errors import ConfigurationError
from service.resources import is_id
from service.settings import Settings
from service.soundness import TOPIC_PATTERN

_LATE = timedelta(hours=1)
_KEPT, _UNAUTHORIZED = 200, 401


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for on the command line."""

    topic: str
    secret: str
    body: bytes | None
    id: str | None
    attributes: dict[str, object]
    late: bool
    bad_signature: bool


@click.command("trigger")
@click.argument("topic")
@click.option("--to", metavar="URL", help="Where to post; by default /webhooks/TOPIC at COPYDESK_BIND.")
@click.option("--body", type=click.File("rb"), metavar="FILE|-", help="Post these bytes instead of a made-up body.")
@click.option("--id", metavar="ID", help="The resource's id; by default a new one.")
@click.option(
    "--set", "attributes", metavar="NAME=VALUE", multiple=True, help="An attribute; JSON or text; repeatable."
)
@click.option("--twice", is_flag=True, help="The same delivery again: a redelivery.")
@click.option("--late", is_flag=True, help="Dated an hour ago: with --id, it comes after newer events of it.")
@click.option("--bad-signature", is_flag=True, help="Signed with a wrong secret: 401 is then what is expected.")
@click.option("--storm", type=click.IntRange(1, 1_000_000), metavar="N", help="N deliveries, each of another resource.")
@click.option(
    "--connections", type=click.IntRange(1, 500), default=10, show_default=True, help="With --storm, at once."
)
@as_json
def command(  # noqa: PLR0913, PLR0917 - one for each option
    topic: str,
    to: str | None,
    body: BinaryIO | None,
    id: str | None,  # noqa: A002 - the name that the help shows
    attributes: tuple[str, ...],
    twice: bool,
    late: bool,
    bad_signature: bool,
    storm: int | None,
    connections: int,
    as_json: bool,
) -> None:
    """Post a signed event of TOPIC, as Commerce Layer would, with the secret from the settings.

    Exits with 1 where an answer is not the expected one.
    """
    _check_usage(topic, id, body, attributes, storm=storm, late=late)
    loaded = settings.load()
    address = target(to or _own_address(loaded, topic))
    secrets = loaded.webhook_secrets.get(topic)
    if not secrets:
        raise ConfigurationError([f"COPYDESK_WEBHOOK_SECRETS: has no secret for {topic}, so nothing can be signed"])
    request = Request(
        topic=topic,
        secret=secrets[0].get_secret_value(),
        body=body.read() if body else None,
        id=id,
        attributes=dict(_attribute(text) for text in attributes),
        late=late,
        bad_signature=bad_signature,
    )
    deliveries = _deliveries(loaded, request, storm or 1)
    if twice:
        deliveries = (again for one in deliveries for again in (one, one))
    if storm:
        answers = _storm(address, deliveries, storm * (1 + twice), min(connections, storm), as_json=as_json)
    else:
        answers = post_all(address, deliveries, 1, lambda _answer: None)
        _print_answers(topic, answers, as_json=as_json)
    expected = _UNAUTHORIZED if bad_signature else _KEPT
    if any(answer.status != expected for answer in answers):
        click.get_current_context().exit(FOUND_TROUBLE)


def _check_usage(
    topic: str, id_: str | None, body: object, attributes: tuple[str, ...], *, storm: int | None, late: bool
) -> None:
    if not TOPIC_PATTERN.fullmatch(topic):
        raise click.BadParameter(f"{topic!r} is not a topic, such as order_copies.fail", param_hint="TOPIC")
    if id_ is not None and not is_id(id_):
        raise click.BadParameter("an id has 1 to 32 letters and digits", param_hint="--id")
    if body and (id_ or attributes or late or storm):
        raise click.UsageError("--body is posted as it is: without --id, --set, --late and --storm")
    if storm and id_:
        raise click.UsageError("--storm makes a new id for each delivery: without --id")


def _attribute(text: str) -> tuple[str, object]:
    name, found, given = text.partition("=")
    if not found or not name:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--set")
    return name, value(given)


def _own_address(loaded: Settings, topic: str) -> str:
    if loaded.bind.startswith("unix:"):
        raise click.UsageError("COPYDESK_BIND is a Unix socket: say where to post with --to URL")
    return f"http://{loaded.bind}/webhooks/{topic}"


def _deliveries(loaded: Settings, request: Request, number: int) -> Iterator[Delivery]:
    """Make the deliveries one by one, so that a storm of any size takes no memory."""
    secret = request.secret[::-1] + "!" if request.bad_signature else request.secret
    chance = random.Random()  # noqa: S311 - ids are no keys
    for _ in range(number):
        body = request.body
        if body is None:
            body = specimen(
                request.topic,
                request.id or new_id(chance),
                organization=loaded.organization or new_id(chance),
                mode=loaded.mode,
                at=datetime.now(UTC) - (_LATE if request.late else timedelta()),
                chance=chance,
                attributes=request.attributes,
            )
        yield Delivery.signed(request.topic, body, secret)


def _print_answers(topic: str, answers: list[Answered], *, as_json: bool) -> None:
    if as_json:
        print_json(answers)
        return
    columns = (Column("topic", fold=True), Column("status"), Column("ms", right=True), Column("no answer", fold=True))
    print_table(columns, [(topic, a.status, a.milliseconds, a.error) for a in answers])


def _storm(
    to: SplitResult, deliveries: Iterator[Delivery], number: int, connections: int, *, as_json: bool
) -> list[Answered]:
    """Post a storm with a progress bar on stderr, and sum it up."""
    from rich.progress import Progress  # noqa: PLC0415 - a storm only

    began = time.perf_counter()
    with Progress(console=console(err=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("posting", total=number)
        answers = post_all(to, deliveries, connections, lambda _answer: progress.advance(task))
    elapsed = time.perf_counter() - began
    statuses = Counter("no answer" if a.status is None else str(a.status) for a in answers)
    times = [a.milliseconds for a in answers]
    summary: dict[str, object] = {
        "deliveries": len(answers),
        "seconds": round(elapsed, 2),
        "per_second": round(len(answers) / elapsed, 1),
        "p50_ms": percentile(times, 50),
        "p99_ms": percentile(times, 99),
    }
    if as_json:
        print_json(summary | {"statuses": statuses})
    else:
        print_facts(summary | {"statuses": ", ".join(f"{status}: {n}" for status, n in sorted(statuses.items()))})
    return answers


def percentile(times: list[float], percent: int) -> float:
    """The value that `percent` of the times do not exceed."""
    ordered = sorted(times)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
