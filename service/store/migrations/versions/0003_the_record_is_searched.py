"""Make the record searchable and countable: full text on both databases, running counts on SQLite.

What is made here Alembic cannot see; `service.store.schema.BESIDE` names the tables.
"""

import json
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from service.store import tallies, texts

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


# The rows of these are wide: pages far behind are found by walking over their numbers, with all that is counted of
# them beside it. Rows are added at its end alone, which costs little.
_WIDE = {name: tallies.TALLIES[name] for name in ("events", "deliveries", "audit_entries")}


def upgrade() -> None:
    """Add the index of texts, and the counts."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        for statement in _on_postgresql():
            connection.exec_driver_sql(statement)
    else:
        _texts_on_sqlite(connection)
        for name, tally in _WIDE.items():
            columns = ", ".join(("id", *tally.columns, str(tally.time)))
            connection.exec_driver_sql(f"CREATE INDEX ix_{name}_id ON {name} ({columns})")
        for statement in (tallies.MAKE, *tallies.filling(), *tallies.triggers()):
            connection.exec_driver_sql(statement)


def _texts_on_sqlite(connection: sa.Connection) -> None:
    # Marks stay what they are, as on PostgreSQL. The texts stand in it, so that whatever became of an entry, what is
    # indexed of it is known and can be taken out again.
    connection.exec_driver_sql(
        f'CREATE VIRTUAL TABLE {texts.TABLE} USING fts5(text, tokenize = "unicode61 remove_diacritics 0", '
        "columnsize = 0, prefix = '2 3')"
    )
    # Erased means erased: a deletion takes the words out at once, not at the next merge.
    # https://www.sqlite.org/fts5.html#the_secure_delete_configuration_option
    connection.exec_driver_sql(f"INSERT INTO {texts.TABLE} ({texts.TABLE}, rank) VALUES ('secure-delete', 1)")  # noqa: S608 - our own name
    rows = connection.exec_driver_sql("SELECT id, action, detail FROM audit_entries ORDER BY id")
    for part in rows.partitions(10_000):
        found = [(id_, texts.text_of(action, json.loads(detail))) for id_, action, detail in part]
        if told := [(id_, text) for id_, text in found if text]:
            connection.exec_driver_sql(texts.INSERT, told)


def _on_postgresql() -> Iterator[str]:
    whens = " ".join(
        f"WHEN action = '{action}' OR starts_with(action, '{action}.') THEN concat_ws(' ', "
        + ", ".join(f"detail::jsonb ->> '{name}'" for name in names)
        + ")"
        for action, names in {**texts.ALONE, **texts.TELLING}.items()
    )
    # Every ASCII character but letters and digits becomes a blank, so that the parser sees words, and no addresses,
    # paths or signed numbers; as FTS5's tokenizer does.
    words = f"regexp_replace(CASE {whens} END, '[\\x01-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7f]+', ' ', 'g')"
    yield (
        "CREATE FUNCTION audit_words(action text, detail text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE "
        f"AS $$ SELECT to_tsvector('simple', {words}) $$"
    )
    yield (
        "CREATE INDEX ix_audit_entries_words ON audit_entries USING gin (audit_words(action, detail)) "
        f"WHERE {texts.TELLS}"
    )


def downgrade() -> None:
    """Take them away."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("DROP INDEX ix_audit_entries_words")
        connection.exec_driver_sql("DROP FUNCTION audit_words(text, text)")
        return
    for name in tallies.trigger_names():
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    for name in _WIDE:
        connection.exec_driver_sql(f"DROP INDEX ix_{name}_id")
    connection.exec_driver_sql(f"DROP TABLE {tallies.TABLE}")
    connection.exec_driver_sql(f"DROP TABLE {texts.TABLE}")
