"""The durable engine, DBOS, behind a port of four calls: enqueue, run, schedule, stop. Nothing else knows it.

It runs in workers only, on the same database. Our `follow_ups` rows are the truth; a workflow is one attempt of one
follow-up, holds nothing that the row does not, and may be lost or repeated without harm. Why, and what was measured:
docs/decisions/0002-dbos-in-the-worker.md
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, ScheduleInput, WorkflowSerializationFormat

from service.store.connections import connect_engine

_APPLICATION = "copydesk"
# Pinned: by default it is a hash of the code, and a deployment would strand what is under way.
_VERSION = "1"
_WORKFLOW = "attempt"
_STRANDED = ["ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED", "CANCELLED"]


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How fast a queue may go.

    Attributes:
        limit, period: starts in any `period` seconds, by all workers together.
        concurrency: attempts at one moment in one worker.
        poll: seconds between two looks at the queue, which is most of an idle follow-up's latency.
    """

    limit: int
    period: float
    concurrency: int
    poll: float


class Engine:
    """One worker's engine. One in a process, since DBOS is."""

    def __init__(self, url: str, worker: str, queues: Mapping[str, QueueLimits]) -> None:
        """Prepare; nothing runs yet.

        Args:
            url: the database, as `Settings.database_url` normalises it.
            worker: this worker's name, never used before: a name that comes back would hide a death.
            queues: the queues by name.
        """
        self._worker, self._queues = worker, queues
        self._schedules: list[ScheduleInput] = []
        self._database = connect_engine(url)
        config: DBOSConfig = {
            "name": _APPLICATION,
            "system_database_engine": self._database,
            "executor_id": worker,
            "application_version": _VERSION,
            "use_listen_notify": False,
            "log_level": "WARNING",
        }
        DBOS(config=config)
        _log_like_us()
        self._client = DBOSClient(system_database_engine=self._database, application_name=_APPLICATION, lazy=True)

    def run(self, attempt: Callable[[int, int], None]) -> None:
        """Start working: `attempt` is called with a follow-up's id and the number of the attempt, in threads."""

        @DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=100)
        def workflow(follow_up: int, number: int) -> None:
            attempt(follow_up, number)

        DBOS.launch()
        if self._schedules:
            DBOS.apply_schedules(self._schedules)
        wanted = {one["schedule_name"] for one in self._schedules}
        # They outlive the worker that made them; one that nobody wants any more would call what nobody has.
        for left in DBOS.list_schedules():
            if left["schedule_name"] not in wanted:
                DBOS.delete_schedule(left["schedule_name"])
        for name, q in self._queues.items():
            DBOS.register_queue(
                name,
                limiter={"limit": q.limit, "period": q.period},
                worker_concurrency=q.concurrency,
                polling_interval_sec=q.poll,
                on_conflict="always_update",
            )

    def enqueue(self, connection: sa.Connection, queue: str, follow_up: int, number: int) -> None:
        """Hand over one attempt inside the caller's transaction; repeating it changes nothing."""
        self._client.enqueue_in_transaction(
            connection,
            {
                "workflow_name": _WORKFLOW,
                "queue_name": queue,
                "workflow_id": _name(follow_up, number),
                "app_version": _VERSION,
                "serialization_type": WorkflowSerializationFormat.PORTABLE,
            },
            follow_up,
            number,
        )

    def schedule(self, name: str, cron: str, job: Callable[[], Any]) -> None:
        """Run `job` by a cron line (six fields, seconds first), once for all workers; call it before `run`."""

        @DBOS.workflow(name=name)
        def workflow(_at: datetime, _context: Any) -> None:
            job()

        # Kept until the engine runs: a schedule is a row of a database that it opens only then.
        self._schedules.append({"schedule_name": name, "workflow_fn": workflow, "schedule": cron, "context": None})

    def stop(self, seconds: int) -> None:
        """Take no more work, give what is under way so long to end, and let go of the database."""
        DBOS.destroy(workflow_completion_timeout_sec=seconds, destroy_registry=True)
        self._client.destroy()
        self._database.dispose()

    def resume_from_the_dead(self, living: Callable[[], Collection[str]]) -> int:
        """Put what dead workers had under way back into its queue.

        The free edition of DBOS recovers only what a worker of the same name left behind.

        Args:
            living: says which workers live. It is asked after the attempts under way were listed, so that a worker
                which begins meanwhile is not taken for a dead one.

        Returns:
            How many attempts were put back.
        """
        under_way = DBOS.list_workflows(status="PENDING", name=_WORKFLOW, load_input=False, load_output=False)
        if not under_way:
            return 0
        alive = set(living())
        left = [w for w in under_way if w.executor_id not in alive]
        for w in left:
            DBOS.resume_workflow(w.workflow_id, queue_name=w.queue_name)
        return len(left)

    def is_under_way(self, follow_up: int, number: int) -> bool:
        """Tell whether the engine still means to make this attempt, or is making it."""
        status = DBOS.get_workflow_status(_name(follow_up, number))
        return status is not None and status.status in ("ENQUEUED", "PENDING", "DELAYED")

    def forget(self, before: datetime, limit: int = 1000) -> int:
        """Delete ended workflows from before a time; what they did is in our own tables."""
        ended = DBOS.list_workflows(
            status=["SUCCESS", *_STRANDED],
            completed_before=before.isoformat(),
            limit=limit,
            load_input=False,
            load_output=False,
        )
        if ended:
            DBOS.delete_workflows([w.workflow_id for w in ended])
        return len(ended)


def _name(follow_up: int, number: int) -> str:
    return f"{follow_up}#{number}"


def _log_like_us() -> None:
    """DBOS prints with a handler of its own; ours writes JSON lines."""
    logger = logging.getLogger("dbos")
    logger.handlers = []
    logger.propagate = True
