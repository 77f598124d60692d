"""Full text over what was noted and what went wrong: which words of an entry are found, and how they are asked for.

SQLite keeps them in the FTS5 table `audit_texts`, under the entry's number; PostgreSQL indexes them where they are.
The words are the same on both: runs of letters and digits, whatever their case; everything else only separates them.
https://www.sqlite.org/fts5.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from service.errors import BadFilter
from service.store.schema import audit_entries

# Which parts of the detail are text, by the action or by its first word; of all others nothing is.
TELLING: Mapping[str, tuple[str, ...]] = {
    "note": ("text",),
    "handler": ("text",),
    "attempt": ("detail",),
    "quarantined": ("reason",),
    "deferred": ("reason",),
    "replayed": ("reason", "error"),
    "copy": ("reason", "error"),
    "incident": ("cause", "detail", "reason"),
}
# An action of a group of its own, which otherwise tells nothing.
ALONE: Mapping[str, tuple[str, ...]] = {"follow_up.planned_again": ("why",)}
TABLE = "audit_texts"

# Replaces what an entry of the same number left, if anybody deleted it by hand: an index never stops the record.
INSERT = f"INSERT OR REPLACE INTO {TABLE} (rowid, text) VALUES (?, ?)"  # noqa: S608 - our own name
_QUOTED = re.compile(r'"([^"]*)"(\*)?|(\S+)')
# Letters and digits, as both databases' tokenizers see them: an underscore separates.
_WORD = re.compile(r"[^\W_]+")
_MOST_WORDS = 20
_LONGEST_WORD = 100


@dataclass(frozen=True)
class Term:
    """Words that stand one after another; the last one may be only the beginning of a word."""

    words: tuple[str, ...]
    prefix: bool


def text_of(action: str, detail: Mapping[str, Any]) -> str | None:
    """The text of an entry that is found by its words; None where it has none."""
    names = ALONE.get(action) or TELLING.get(action.partition(".")[0], ())
    return " ".join(str(detail[name]) for name in names if detail.get(name)) or None


def write_texts(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Make entries findable that this transaction has just written, and nothing since; for PostgreSQL nothing to do."""
    if connection.dialect.name != "sqlite":
        return
    told = [(place, row) for place, row in enumerate(rows) if tells(row["action"])]
    if not told:
        return
    # One writer at a time, and numbers without a gap inside of a transaction.
    last = connection.exec_driver_sql("SELECT last_insert_rowid()").scalar_one()
    first = last - len(rows) + 1
    found = [(first + place, text_of(row["action"], json.loads(row["detail"]))) for place, row in told]
    texts = [(id_, text) for id_, text in found if text]
    if texts:
        connection.exec_driver_sql(INSERT, texts)


def tells(action: str) -> bool:
    """Whether entries of an action can have text."""
    return action in ALONE or action.partition(".")[0] in TELLING


def forget_text(connection: sa.Connection, ids: Iterable[int]) -> None:
    """Take the words of entries out of the index, so that nothing of them is left in it.

    PostgreSQL's index follows the detail; VACUUM removes what it held.
    """
    if connection.dialect.name == "sqlite" and (rows := [(id_,) for id_ in ids]):
        connection.exec_driver_sql(f"DELETE FROM {TABLE} WHERE rowid = ?", rows)  # noqa: S608 - our own name


def terms(parameter: str, text: str) -> list[Term]:
    """Read what somebody searches for: words, all of which must be there; `"a phrase"`; `beginning*`.

    What holds together, as in `order-id` or `503.`, is a phrase of its words. Nothing else has a meaning.

    Raises:
        BadFilter: there is no word in it, or too many.
    """
    found = []
    for quoted, star, bare in _QUOTED.findall(text[:2_000]):
        words = tuple(_WORD.findall(quoted or bare))
        if words:
            found.append(Term(words, bool(star) or bare.endswith("*")))
    number = sum(len(term.words) for term in found)
    if not 1 <= number <= _MOST_WORDS or any(len(word) > _LONGEST_WORD for term in found for word in term.words):
        raise BadFilter(parameter, f"1 to {_MOST_WORDS} words of letters and digits, none longer than {_LONGEST_WORD}")
    return found


def matching(connection: sa.Connection, parameter: str, text: str) -> sa.ColumnElement[bool]:
    """The condition that an entry's text has what is searched for.

    Raises:
        BadFilter: as `terms`.
    """
    wanted = terms(parameter, text)
    if connection.dialect.name == "sqlite":
        return audit_entries.c.id.in_(_found(wanted))
    phrases = (
        " <-> ".join([*(f"'{word}'" for word in term.words[:-1]), f"'{term.words[-1]}'{':*' * term.prefix}"])
        for term in wanted
    )
    asked = " & ".join(f"({phrase})" for phrase in phrases)
    query = sa.text(f"{TELLS} AND audit_words(action, detail) @@ to_tsquery('simple', :asked)")
    return sa.and_(query.bindparams(asked=asked))


def ids(parameter: str, text: str) -> sa.FromClause:
    """The entries that have what is searched for, as a table of their numbers; on SQLite.

    Raises:
        BadFilter: as `terms`.
    """
    return _found(terms(parameter, text)).subquery()


def _found(wanted: Sequence[Term]) -> sa.TextualSelect:
    query = sa.text(f"SELECT rowid AS id FROM {TABLE} WHERE {TABLE} MATCH :asked").bindparams(asked=_in_fts5(wanted))  # noqa: S608 - our own name
    return query.columns(sa.column("id", sa.Integer))


def count(connection: sa.Connection, parameter: str, text: str) -> int:
    """How many entries have what is searched for, on SQLite.

    Raises:
        BadFilter: as `terms`.
    """
    query = f"SELECT count(*) FROM {TABLE} WHERE {TABLE} MATCH ?"  # noqa: S608 - our own name
    return int(connection.exec_driver_sql(query, (_in_fts5(terms(parameter, text)),)).scalar_one())


def _in_fts5(wanted: Sequence[Term]) -> str:
    # Only letters and digits are left, and in quotes no word is an operator: nobody writes FTS5 syntax here.
    return " ".join(f'"{" ".join(term.words)}"{" *" * term.prefix}' for term in wanted)


# Which actions tell something, in SQL, to the letter of PostgreSQL's partial index.
TELLS = "({})".format(
    " OR ".join(
        [f"action = '{action}'" for action in (*ALONE, *TELLING)]
        + [f"starts_with(action, '{group}.')" for group in TELLING]
    )
)
