"""Let the database itself hold that a line of history is written once: a guard against accidents, not evidence.

An update may give a leaf its place, once, or erase what may be erased; everything else about a line stays.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_FACTS = ("id", "at", "action", "event_id", "follow_up_id", "payload", "sealed", "commitment", "leaf_hash")
_ERASABLE = ("subject", "actor", "detail", "salt")
_PLACE = ("epoch", "leaf_index")
_REFUSAL = "a line of the audit trail is written once"


def upgrade() -> None:
    """Add the triggers."""
    if op.get_bind().dialect.name == "postgresql":
        _on_postgresql()
    else:
        _on_sqlite()


def _allowed(same: str) -> str:
    """What an update may do: give a place, once, or take away what may be erased."""

    def unchanged(*names: str) -> str:
        return " AND ".join(f"NEW.{name} {same} OLD.{name}" for name in names)

    placed = f"OLD.leaf_index IS NULL AND {unchanged(*_FACTS, *_ERASABLE)}"
    erased = f"NEW.salt IS NULL AND {unchanged(*_FACTS, *_PLACE)}"
    return f"(({placed}) OR ({erased}))"


def _on_sqlite() -> None:
    refuse = f"SELECT RAISE(ABORT, '{_REFUSAL}')"
    op.execute(
        f"CREATE TRIGGER audit_entries_unchanged BEFORE UPDATE ON audit_entries WHEN NOT {_allowed('IS')} "
        f"BEGIN {refuse}; END"
    )
    op.execute(f"CREATE TRIGGER audit_entries_undeleted BEFORE DELETE ON audit_entries BEGIN {refuse}; END")


def _on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION audit_entries_written_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"RAISE EXCEPTION '{_REFUSAL}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_entries_unchanged BEFORE UPDATE ON audit_entries FOR EACH ROW "
        f"WHEN (NOT {_allowed('IS NOT DISTINCT FROM')}) EXECUTE FUNCTION audit_entries_written_once()"
    )
    op.execute(
        "CREATE TRIGGER audit_entries_undeleted BEFORE DELETE ON audit_entries FOR EACH ROW "
        "EXECUTE FUNCTION audit_entries_written_once()"
    )


def downgrade() -> None:
    """Take the triggers away."""
    on = " ON audit_entries" if op.get_bind().dialect.name == "postgresql" else ""
    for name in ("audit_entries_unchanged", "audit_entries_undeleted"):
        op.execute(sa.text(f"DROP TRIGGER {name}{on}"))
    if on:
        op.execute("DROP FUNCTION audit_entries_written_once()")
