"""Parts of a verification, shared by several processes; by none but this one where there is little to do."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

from service.audit.verification.places import Place
from service.audit.verification.tasks import Done, Task, Worker, begin, run
from service.errors import EvidenceUnreadable

# What `Worker` takes.
Args = tuple[Place, tuple[str, ...], str | None]
# Fewer entries than this are verified before other processes have begun.
_SMALL = 20_000


def spread(args: Args, tasks: Sequence[Task], processes: int, total: int) -> Iterator[Done]:
    """Do parts in so many processes.

    Args:
        args: how each opens the record.
        tasks: the parts, the greatest first.
        processes: how many.
        total: how many entries all of it is about.

    Raises:
        EvidenceUnreadable: the record cannot be read, or a process died.
    """
    if processes == 1 or total < _SMALL:
        yield from _here(args, tasks)
        return
    context = multiprocessing.get_context("spawn")
    place, *rest = args
    with ProcessPoolExecutor(processes, context, begin, (replace(place, mapped=True), *rest)) as pool:
        try:
            for future in as_completed([pool.submit(run, task) for task in tasks]):
                yield future.result()
        except BrokenProcessPool:
            raise EvidenceUnreadable(
                "a process of the verification died: is there memory left, and the whole file?"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _here(args: Args, tasks: Iterable[Task]) -> Iterator[Done]:
    worker = Worker(*args)
    try:
        for task in tasks:
            yield worker.run(task)
    finally:
        worker.close()
