"""The command face. Each command is imported when it is called, so that `copydesk --help` is instant."""

from __future__ import annotations

from service.cli.commands import Commands

HELP = """Copydesk keeps Commerce Layer's order copy events and acts on them.

Settings are environment variables; `copydesk settings` names them all.

\b
Exit codes:
  0  done
  1  not found, or trouble found
  2  wrong usage
  3  settings or database unusable
  4  database or Commerce Layer unavailable just now
"""

copydesk = Commands(
    name="copydesk",
    help=HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def main() -> None:
    """Run the command line."""
    copydesk(prog_name="copydesk")
