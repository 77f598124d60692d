"""${message}."""

from alembic import op
import sqlalchemy as sa
import service.store.schema

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Go up."""
    ${upgrades if upgrades else "pass"}
