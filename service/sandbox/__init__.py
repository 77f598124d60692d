"""The sandbox: a local Commerce Layer for a first run and for tests.

A real HTTP server with a small memory of its own. It speaks the provider's API and sends its signed webhooks, and
imports nothing of the code that it is there to try. Reference: docs/sandbox.md.
"""

from __future__ import annotations

from service.sandbox.scenarios import SCENARIOS
from service.sandbox.server import Sandbox, serve
from service.sandbox.world import Options

__all__ = ["SCENARIOS", "Options", "Sandbox", "serve"]
