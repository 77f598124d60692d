"""The switchboard: every handler module, in the order in which they are asked. To add a rule, add its module here."""

from types import ModuleType

from handlers import copies, cures, failures, orders, source_orders, subscriptions, unknown

MODULES: tuple[ModuleType, ...] = (copies, orders, source_orders, failures, cures, subscriptions, unknown)
