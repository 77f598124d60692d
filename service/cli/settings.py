"""copydesk settings."""

from __future__ import annotations

import click
from pydantic import SecretStr

from service import settings
from service.cli.output import Column, as_json, print_json, print_table
from service.errors import ConfigurationError


@click.command("settings")
@as_json
def command(as_json: bool) -> None:
    """Print every setting: what it means, whether it is set, and its value unless it is a secret."""
    origins = settings.origins()
    try:
        loaded, mistakes = settings.load(), None
    except ConfigurationError as error:
        loaded, mistakes = None, error
    rows = [
        {"name": name, "set": origins.get(name), "value": _value(loaded, name), "meaning": meaning}
        for name, meaning in settings.variables().items()
    ]
    if as_json:
        print_json(rows)
    else:
        columns = (Column("variable"), Column("set by"), Column("meaning", fold=True))
        print_table(columns, [(row["name"], row["set"], _told(row)) for row in rows])
    if mistakes:
        raise mistakes


def _value(loaded: settings.Settings | None, name: str) -> str | None:
    """The value in force; None for a secret, for nothing, and where the settings are wrong."""
    value = getattr(loaded, name.removeprefix(settings.PREFIX).lower(), None)
    if value is None or value in ("", ()) or name.endswith("_KEYS") or isinstance(value, SecretStr | dict):
        return None
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _told(row: dict[str, str | None]) -> str:
    """The meaning, and what is in force."""
    return f"{row['meaning']}" + (f" Now {row['value']}." if row["value"] else "")
