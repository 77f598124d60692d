"""A Copydesk at the command line that asks a sandbox, for the tests of commands over the provider's reference."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from click.testing import CliRunner, Result

from service.cli import copydesk
from service.sandbox import Sandbox
from service.store import Store, queries


def settings_of(sandbox: Sandbox) -> dict[str, str]:
    """What makes an installation ask this sandbox."""
    return {
        "COPYDESK_CLIENT_ID": sandbox.options.client_id,
        "COPYDESK_CLIENT_SECRET": sandbox.options.client_secret,
        "COPYDESK_API_URL": sandbox.url,
        "COPYDESK_AUTH_URL": sandbox.url,
        "COPYDESK_MODE": sandbox.options.mode,
    }


@dataclass(frozen=True)
class Desk:
    """A sandbox, the store beside it, and a way to call commands."""

    sandbox: Sandbox
    store: Store

    def run(self, *arguments: object) -> Result:
        """Call a command in this process, without a terminal."""
        return CliRunner().invoke(copydesk, [str(one) for one in arguments], prog_name="copydesk")

    def told(self, *arguments: object) -> Any:
        """What a command says with --json; it must succeed."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    @property
    def posts(self) -> list[dict[str, Any]]:
        """The requests for a copy that the sandbox got."""
        return [call for call in self.sandbox.calls if (call["method"], call["path"]) == ("POST", "/api/order_copies")]

    def trail(self, subject: str) -> list[queries.AuditRow]:
        """What the audit trail says of a subject."""
        with self.store.read() as connection:
            return queries.trail(connection, [subject])

    def actions(self, subject: str) -> list[str]:
        """The same in single words."""
        return [one.action for one in self.trail(subject)]
