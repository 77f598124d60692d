"""Which tables and columns an export has. A table that stands in neither list here is never exported. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from service.store import schema

FORMATS = ("sqlite", "csv", "ndjson")
# In the order in which people read them; those of the log come last.
LISTED: tuple[sa.Table, ...] = (
    schema.events,
    schema.deliveries,
    schema.transitions,
    schema.states,
    schema.follow_ups,
    schema.attempts,
    schema.audit_entries,
    schema.incidents,
    schema.incident_subjects,
)
# Without these nobody could check an entry's place; they are in every export that can be checked.
OF_THE_LOG: tuple[sa.Table, ...] = (schema.audit_logs, schema.checkpoints, schema.audit_keys)
# What was left out on purpose, and why.
WITHHELD: Mapping[str, str] = {
    "api_tokens": "who may read is nobody's business who reads",
    "factories": "made from the events, which are exported",
    "holds": "names whose erasure was asked for",
    "refusals": "counts of what was not let in",
    "spends": "the last minute's requests",
    "told_runs": "only keeps alerts from coming twice",
    "tombstone_keys": "a secret",
    "tombstones": "says who was erased to whoever guesses the name",
    "watermarks": "how far jobs have come",
    "webhook_rotations": "about webhooks, not about orders",
    "webhook_secrets": "secrets, though encrypted",
    "workers": "processes of the last week",
}
# The bytes of a delivery. A data key never leaves the database: it would open what is in every backup.
_BYTES = ("body", "headers", "salt")
_NEVER = ("data_key",)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants exported.

    Attributes:
        format: `csv`, `ndjson` or `sqlite`.
        of: names of tables; empty for all that the filters can be asked of.
        filters: words of the query layer and their values.
        bodies: whether bodies are in it, masked.
        unmask: whether bodies and headers are in it as they came.
        shown: keys of metadata whose values need no mask.
    """

    format: str
    of: Sequence[str] = ()
    filters: Mapping[str, str] = field(default_factory=dict)
    bodies: bool = False
    unmask: bool = False
    shown: Collection[str] = ()

    @property
    def words(self) -> str:
        """The query in words, for the manifest and the trail; empty for everything."""
        asked = [f"{name}={value}" for name, value in self.filters.items()]
        return "; ".join(([f"of {', '.join(self.of)}"] if self.of else []) + asked)

    @property
    def everything(self) -> bool:
        """Whether every row of every table is wanted."""
        return not self.of and not self.filters


def omitted(wish: Wish, *, sealed: bool = True) -> dict[str, tuple[str, ...]]:
    """The columns that are left out, by table.

    Args:
        wish: what is wanted.
        sealed: whether any delivery has a data key; where none has, its empty column does no harm, and whoever
            verifies has everything.
    """
    left_out = ((*_NEVER,) if sealed else ()) if wish.unmask else (*_BYTES, *_NEVER)
    return {"deliveries": left_out} if left_out else {}


def columns(table: sa.Table, wish: Wish, *, sealed: bool = True) -> list[sa.Column[object]]:
    """The columns of a table that are exported, in the order of the schema."""
    left_out = omitted(wish, sealed=sealed).get(table.name, ())
    return [column for column in table.columns if column.name not in left_out and column.computed is None]


def texts(columns: Sequence[sa.Column[object]]) -> list[int]:
    """The places of the columns that hold text of any kind."""
    return [at for at, column in enumerate(columns) if isinstance(column.type, sa.Text)]
