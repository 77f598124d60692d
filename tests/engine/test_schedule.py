"""What is done by the clock: asked for before the engine runs, and done when it is due."""

from __future__ import annotations

from service.engine import Engine
from service.store import open_store
from tests.worker_process import eventually


def test_a_job_is_done_by_the_clock_and_again_after_it_raised(database_url: str) -> None:
    """Each second from the start on; a job that raises is done again when it is next due."""
    open_store(database_url).close()
    done: list[int] = []

    def job() -> None:
        done.append(len(done))
        if len(done) == 1:
            raise ValueError("a defect")

    engine = Engine(database_url, "by the clock", {})
    engine.schedule("each-second", "* * * * * *", job)
    engine.run(lambda _follow_up, _number: None)
    try:
        assert eventually(lambda: len(done) >= 2, 15)
    finally:
        engine.stop(5)
