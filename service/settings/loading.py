"""Settings, read once from the environment and from the files of secrets.

`load()` is the only place of the code that reads the environment. Every mistake is reported together, each with
the variable's name and how to mend it. A secret may also come from a file: name a directory in
COPYDESK_SECRETS_DIR (systemd's CREDENTIALS_DIRECTORY is taken by itself) that holds one file per variable, named
like the variable.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from service.errors import ConfigurationError
from service.settings.values import PREFIX, Settings

SECRETS_DIR = f"{PREFIX}SECRETS_DIR"

Role = Literal["web", "worker", "cli"]
# What a process cannot work without. A worker without a client only sends alerts, and says so in `doctor`. The web
# process needs secrets as well, from here or from the store: `service.intake.keys` sees to that.
NEEDED: dict[Role, tuple[str, ...]] = {
    "web": ("organization",),
    "worker": ("organization",),
    "cli": (),
}


def load(role: Role = "cli") -> Settings:
    """Read the settings for one role.

    Args:
        role: which process asks; it decides what must be set.

    Raises:
        ConfigurationError: with every mistake, one sentence each.
    """
    secrets_dir = os.environ.get(SECRETS_DIR) or os.environ.get("CREDENTIALS_DIRECTORY")
    mistakes = _misspelt()
    if secrets_dir and not Path(secrets_dir).is_dir():
        mistakes.append(f"{SECRETS_DIR}: there is no directory {secrets_dir}")
        secrets_dir = None
    # The web process cannot sign, though somebody gave it the key.
    settings, wrong = _read(secrets_dir, {"audit_key": ()} if role == "web" else {})
    missing = [name for name in NEEDED[role] if not _is_given(name, secrets_dir)]
    mistakes += wrong
    mistakes += [f"{PREFIX}{name.upper()}: is not set ({_what(name)})" for name in missing]
    if mistakes or settings is None:
        raise ConfigurationError(mistakes)
    return settings


def variables() -> dict[str, str]:
    """Every variable and what it means, in the order of the documentation."""
    described = {f"{PREFIX}{name.upper()}": f.description or "" for name, f in Settings.model_fields.items()}
    return described | {SECRETS_DIR: "A directory with one file per variable, for secrets; optional."}


def origins() -> dict[str, str]:
    """Where each variable that is set comes from: `environment` or `file`."""
    directory = os.environ.get(SECRETS_DIR) or os.environ.get("CREDENTIALS_DIRECTORY")
    folder = Path(directory) if directory else None
    files = {path.name.upper() for path in folder.iterdir()} if folder and folder.is_dir() else set()
    found = {name: "file" for name in variables() if name in files}
    return found | {name: "environment" for name in variables() if os.environ.get(name)}


def _read(secrets_dir: str | None, given: dict[str, Any]) -> tuple[Settings | None, list[str]]:
    """Read the settings, or every mistake in them; what is given is not read.

    A variable with a mistake is left out of a second reading, so that what the others say together is checked too.
    """
    try:
        return Settings(_secrets_dir=secrets_dir, **given), []
    except ValidationError as error:
        wrong = {str(e["loc"][0]) for e in error.errors() if e["loc"]}
        mistakes = _sentences(error)
    if wrong:
        left_out: dict[str, Any] = {
            n: Settings.model_fields[n].get_default(call_default_factory=True) for n in sorted(wrong)
        }
        try:
            Settings(_secrets_dir=secrets_dir, **given | left_out)
        except ValidationError as error:
            named = tuple(f"{PREFIX}{name.upper()}" for name in wrong)
            mistakes += [m for m in _sentences(error) if not any(name in m for name in named)]
    return None, mistakes


def _is_given(name: str, secrets_dir: str | None) -> bool:
    """Tell whether a variable is set at all, in the environment or as a file."""
    variable = f"{PREFIX}{name}".lower()
    if any(key.lower() == variable and value for key, value in os.environ.items()):
        return True
    files = Path(secrets_dir).iterdir() if secrets_dir else ()
    return any(path.name.lower() == variable and path.is_file() and path.read_text().strip() for path in files)


def _what(name: str) -> str:
    """What a variable is, for the middle of a sentence."""
    said = (Settings.model_fields[name].description or "").rstrip(".").partition(";")[0]
    return said[:1].lower() + said[1:]


def _misspelt() -> list[str]:
    """Name variables that carry our prefix and that nobody reads: a typo there would be silent."""
    return [
        f"{name}: is not a setting of Copydesk; see .env.example"
        for name in sorted(os.environ)
        if name.startswith(PREFIX) and name not in variables()
    ]


def _sentences(error: ValidationError) -> list[str]:
    """Turn pydantic's errors into lines that name the variable and never its value."""
    lines = []
    for one in error.errors():
        messages = str(one["msg"]).removeprefix("Value error, ").split("\n")
        if one["loc"]:
            variable = f"{PREFIX}{str(one['loc'][0]).upper()}"
            messages = [f"{variable}: {message[:1].lower()}{message[1:]}" for message in messages]
        lines += messages
    return lines
