"""copydesk doctor: a table of small checks, each with what was found and how to mend it."""

from __future__ import annotations

from service.cli.doctor.command import command

__all__ = ["command"]
