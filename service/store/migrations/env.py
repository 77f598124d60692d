"""Alembic's entry: works on the connection, and in the transaction, that `service.store.migrate` hands over."""

from alembic import context

from service.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # One transaction for the whole upgrade, on SQLite too: our connections begin and commit themselves.
    transactional_ddl=True,
    render_as_batch=True,
    # DBOS keeps its own tables beside ours.
    include_object=lambda _object, name, type_, _reflected, _compare: type_ != "table" or name in metadata.tables,
)
with context.begin_transaction():
    context.run_migrations()
