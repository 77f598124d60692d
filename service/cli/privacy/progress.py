"""Progress on stderr, where somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(words: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar; what it gives is told how far it has come, in the same unit as `total`."""
    from rich.progress import Progress  # noqa: PLC0415 - only while something is done

    from service.cli.output import console  # noqa: PLC0415

    err = console(err=True)
    with Progress(console=err, transient=True, disable=not err.is_terminal) as shown:
        task = shown.add_task(words, total=total)
        yield lambda done: shown.update(task, completed=done)


@contextmanager
def counter(words: str) -> Iterator[Callable[[int], None]]:
    """A bar without an end; what it gives is told how much more was done."""
    so_far = 0
    with bar(words, None) as moved:

        def more(number: int) -> None:
            nonlocal so_far
            so_far += number
            moved(so_far)

        yield more
