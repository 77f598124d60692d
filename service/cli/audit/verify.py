"""copydesk audit verify."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from service.audit import published
from service.audit.published import Published
from service.audit.verification import verifying
from service.audit.verification.findings import CHECKS, OK, UNREADABLE, VIOLATION, Report
from service.audit.verification.places import NOT_UTF8, Place
from service.audit.verification.verifying import Wish
from service.cli.commands import lines_of
from service.cli.output import as_json, console, print_json
from service.errors import CopydeskError, EvidenceUnreadable, NoteMalformed
from service.merkle.notes import Verifier
from service.text import line

if TYPE_CHECKING:
    from service.settings import Settings


class Key(click.ParamType[Verifier]):
    """A public key of the log."""

    name = "verifier"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Verifier:
        """Read it as C2SP spells it."""
        if isinstance(value, Verifier):
            return value
        try:
            return Verifier.from_text(str(value).strip())
        except NoteMalformed as error:
            self.fail(str(error), param, ctx)


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("verify")
@click.argument("what", required=False)
@click.option("--key", "given", type=Key(), multiple=True, help="A public key of the log that you got elsewhere.")
@click.option("--keys", "key_files", type=_FILE, multiple=True, help="A file with such keys, one a line.")
@click.option("--checkpoints", type=_FILE, multiple=True, help="A file with heads that were kept elsewhere.")
@click.option(
    "--open", "opening", is_flag=True, help="Open sealed bodies too, with the encryption keys of the settings."
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Violations to name.")
@click.option("--processes", type=click.IntRange(1, 64), default=2, show_default=True, help="That share the work.")
@as_json
@click.pass_context
def command(  # noqa: PLR0913 - click passes each option by its name
    ctx: click.Context,
    *,
    what: str | None,
    given: tuple[Verifier, ...],
    key_files: tuple[Path, ...],
    checkpoints: tuple[Path, ...],
    opening: bool,
    limit: int,
    processes: int,
    as_json: bool,
) -> None:
    """Verify that a database, or an exported bundle, is what its log says. It reads, and never writes.

    WHAT is a SQLite file, a bundle's directory, or the URL of a PostgreSQL database; without it, the database of the
    settings, with the heads in COPYDESK_CHECKPOINTS_FILE. No secret is needed. docs/audit.md tells what is verified.

    \b
    Exit codes:
      0  all of it holds
      1  something was changed; the first of it is named
      2  it cannot be read
      3  nothing was changed, but the proof is not whole: no key, no head
    """  # noqa: D301 - click's mark for lines to leave alone
    try:
        outside = _outside(what, checkpoints)
        pinned = [*given, *(key for file in key_files for key in _keys(file))]
        secrets = tuple(key.get_secret_value() for key in _settings().encryption_keys) if opening else ()
        place, bundle = _place(what)
        wish = Wish(place, bundle, pinned, outside, secrets, processes, limit)
        with _bar() as progress:
            report = _verified(wish, progress)
    except CopydeskError as error:
        for told in lines_of(error):
            click.echo(f"copydesk: {told}", err=True)
        ctx.exit(UNREADABLE)
    if as_json:
        print_json(report.as_json())
    else:
        _print(report)
    ctx.exit(report.exit_code)


def _settings() -> Settings:
    from service import settings  # noqa: PLC0415 - reading them takes longer than a small record

    return settings.load()


def _verified(wish: Wish, progress: verifying.Progress | None) -> Report:
    """Verify it; once more, and slower, where a text is not UTF-8, so that its row is named like everything else."""
    try:
        return verifying.verify(wish, progress)
    except EvidenceUnreadable as error:
        if wish.place is None or wish.place.any_text or NOT_UTF8 not in str(error):
            raise
        return verifying.verify(replace(wish, place=replace(wish.place, any_text=True)), progress)


def _place(what: str | None) -> tuple[Place | None, Path | None]:
    """Where the record is: a place, or a bundle.

    Raises:
        EvidenceUnreadable: there is nothing.
    """
    url = _settings().database_url.get_secret_value() if what is None else what
    if url.startswith(("sqlite:", "postgresql", "postgres:")):
        import sqlalchemy as sa  # noqa: PLC0415 - a file named by its path is verified sooner without it

        parsed = sa.make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return Place(None, parsed.set(drivername="postgresql").render_as_string(hide_password=False)), None
        url = parsed.database or ""
    path = Path(url)
    if path.is_dir():
        return None, path
    if not path.is_file():
        raise EvidenceUnreadable(f"{line(str(path), 200)}: there is no such file, nor such a bundle")
    # A copy that nobody writes gets nothing beside it, not for a moment.
    copied = what is not None and not path.with_name(f"{path.name}-wal").exists()
    return Place(path, immutable=copied), None


def _outside(what: str | None, files: tuple[Path, ...]) -> list[Published]:
    if not files and what is None and (kept := _settings().checkpoints_file):
        return published.read(Path(kept))
    found = [(file, published.read(file)) for file in files]
    for file, heads in found:
        if not heads:
            raise EvidenceUnreadable(f"{file}: there is no head in it")
    return [head for _, heads in found for head in heads]


def _keys(file: Path) -> list[Verifier]:
    try:
        return [Verifier.from_text(text.strip()) for text in file.read_text("utf-8").splitlines() if text.strip()]
    except (NoteMalformed, OSError, UnicodeDecodeError) as error:
        raise EvidenceUnreadable(f"{file}: {error}") from None


@contextmanager
def _bar() -> Iterator[verifying.Progress | None]:
    """A bar on a terminal; nothing anywhere else."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("verifying"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeRemainingColumn())
    with Progress(*columns, console=console(err=True), transient=True) as bar:
        task = bar.add_task("verifying", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _print(report: Report) -> None:
    """Tell it to people, the result last."""
    for one in report.violations:
        click.echo(line(str(one)))
    if (more := report.violation_count - len(report.violations)) > 0:
        click.echo(f"… and {more} more; --limit names more")
    for check, reason in report.skipped.items():
        click.echo(f"not verified: {CHECKS[check]} ({check}): {reason}")
    for gap in report.gaps:
        click.echo(f"not proved: {gap}")
    for note in report.notes:
        click.echo(f"note: {note}")
    numbers = ", ".join(f"{count} {name}" for name, count in report.counts.items())
    result = {OK: "holds", VIOLATION: "WAS CHANGED"}.get(
        report.exit_code, "was not changed, but the proof is not whole"
    )
    click.echo(f"{report.what}: {numbers}: {result}")
