"""The store: one schema, one write path, and the queries, on SQLite and PostgreSQL."""

from service.store.store import Store, open_kept, open_store

__all__ = ["Store", "open_kept", "open_store"]
