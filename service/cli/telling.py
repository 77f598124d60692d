"""How far long work is: one bar on stderr, where somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.cli.output import console


@contextmanager
def telling() -> Iterator[Callable[[str, int, int | None], None]]:
    """What hears how far something is: what is done now, how many of it are done, and of how many if that is known."""
    from rich.progress import Progress  # noqa: PLC0415 - only long work needs it

    err = console(err=True)
    with Progress(console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("")

        def told(what: str, done: int, total: int | None) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield told
