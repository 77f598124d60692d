"""The audit log: the one place where entries get their order, its epochs, and where its heads are published."""
