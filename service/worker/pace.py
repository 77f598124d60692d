"""How often a worker does what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a worker does what, and how long it is patient; all in seconds.

    Attributes:
        look: between two looks for due follow-ups.
        beat: between two heartbeats.
        dead_after: without a heartbeat a worker is dead after so long, and another takes over.
        stranded_after: a follow-up that has not moved for so long may be lost to the engine.
        housekeeping: between two rounds of it.
        sequence: between two looks for audit entries without a place in the log.
        publish: between two publications of the log's head.
        publish_at_stop: for the last publication to arrive when the worker is told to stop.
        grace: for what is under way when the worker is told to stop.
    """

    look: float = 0.05
    beat: float = 2.0
    dead_after: float = 10.0
    stranded_after: float = 60.0
    housekeeping: float = 10.0
    sequence: float = 1.0
    publish: float = 3600.0
    publish_at_stop: float = 1.5
    grace: int = 20


PACE = Pace()
