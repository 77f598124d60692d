"""The log that proves the audit trail: its order, its heads, their publication, and how all of it is verified."""
