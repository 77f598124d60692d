"""The worker process: hands due follow-ups to the engine, keeps watch over other workers, the log and the house."""

from service.worker.pace import PACE, Pace
from service.worker.queues import queues
from service.worker.worker import Worker, work

__all__ = ["PACE", "Pace", "Worker", "queues", "work"]
