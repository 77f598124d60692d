"""The mathematics of the audit log: leaves, the RFC 6962 tree over them, and signed notes about its head. Pure."""
