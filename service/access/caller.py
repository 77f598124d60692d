"""Who asks over HTTP. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from service.access.tokens import Scope
from service.errors import AccessRefused


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of a token.

    Attributes:
        name: of the token.
        scopes: what it lets its holder do, those among them that others imply.
    """

    name: str
    scopes: frozenset[str]

    @property
    def actor(self) -> str:
        """How the audit trail names them."""
        return f"token {self.name}"

    def check(self, scope: Scope) -> None:
        """Make sure that they may do something.

        Raises:
            AccessRefused: 403.
        """
        if scope not in self.scopes:
            raise AccessRefused(403, "Forbidden", f"this needs a token with the scope {scope}")
