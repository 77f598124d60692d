"""The pages about the tables say what the schema says."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from service.store.schema import metadata
from tests.docs.pages import code_spans, page, rows, section, words

TABLES = sorted(metadata.tables)
# Sorted: a table's constraints are a set, and every process that runs tests must list the same ones alike.
CHECKS = sorted(
    (table.name, str(check.sqltext))
    for table in metadata.tables.values()
    for check in table.constraints
    if isinstance(check, sa.CheckConstraint)
)


def test_every_table_has_its_section_and_no_other_has() -> None:
    assert sorted(re.findall(r"^## (\w+)$", page("docs/schema.md"), re.MULTILINE)) == TABLES


@pytest.mark.parametrize("table", TABLES)
def test_every_column_is_told_in_the_order_of_the_schema(table: str) -> None:
    told = section("docs/schema.md", table)
    assert words(told) == [column.name for column in metadata.tables[table].columns]
    assert all(holds and changes for _, holds, changes in rows(told))


@pytest.mark.parametrize(("table", "constraint"), CHECKS)
def test_every_word_of_a_constraint_stands_in_the_glossary(table: str, constraint: str) -> None:
    column = constraint.partition(" ")[0]
    told = [text for text in page("docs/glossary.md").split("\n## ")[2:] if f"`{table}.{column}`" in text]
    listed = {word for text in told for word in words(text)}
    assert set(re.findall(r"'(\w+)'", constraint)) <= listed, f"{table}.{column}"


def test_the_glossary_names_only_columns_that_exist() -> None:
    for span in code_spans(page("docs/glossary.md")):
        table, dot, column = span.partition(".")
        if dot and table in metadata.tables:
            assert column in metadata.tables[table].columns, span


def test_the_glossary_has_each_word_once() -> None:
    listed = words(section("docs/glossary.md", "Words"))
    assert len(listed) == len(set(listed))
