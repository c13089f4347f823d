"""Tables that are drawn: what each knob of `schema` does to them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from simdsl.core.choices import Sampler
from simdsl.generation.schema import TableDef, create_tables, draw_index, draw_schema
from simdsl.profiles.profile import ColumnType, IndexKind, SchemaKnobs

SEEDS = range(40)
WIDE = SchemaKnobs(tables=4, columns=8, indexes=3)


def tables_of(knobs: SchemaKnobs) -> list[TableDef]:
    return [table for seed in SEEDS for table in draw_schema(seed, knobs)]


def ddl_of(knobs: SchemaKnobs) -> str:
    statements = [text for seed in SEEDS for text in create_tables(draw_schema(seed, knobs))]
    return "\n".join(statements + [index.ddl for table in tables_of(knobs) for index in table.indexes])


def test_numbers_are_upper_limits_that_are_reached() -> None:
    assert {len(draw_schema(seed, WIDE)) for seed in SEEDS} == {1, 2, 3, 4}
    assert {len(table.columns) for table in tables_of(WIDE)} == set(range(2, 9))
    assert {len(table.indexes) for table in tables_of(WIDE)} == {0, 1, 2, 3}


def test_a_table_has_two_columns_at_least() -> None:
    assert {len(table.columns) for table in tables_of(replace(WIDE, columns=1))} == {2}


@pytest.mark.parametrize("of", list(ColumnType), ids=str)
def test_columns_have_the_types_that_they_may_have(of: ColumnType) -> None:
    found = {column.type for table in tables_of(replace(WIDE, types=(of,), foreign_key=0.0)) for column in table.columns[1:]}
    assert found == {of}
    assert of in {column.type for table in tables_of(WIDE) for column in table.columns[1:]}


@pytest.mark.parametrize(
    ("knob", "said"),
    [
        ("primary_key", "PRIMARY KEY"),
        ("unique", " UNIQUE"),
        ("not_null", "c1 TEXT NOT NULL"),
        ("check", "CHECK ("),
        ("default", "DEFAULT "),
        ("foreign_key", "REFERENCES "),
    ],
)
def test_a_rate_is_never_at_0_and_often_at_1(knob: str, said: str) -> None:
    knobs = replace(WIDE, types=(ColumnType.TEXT,), index_kinds=(IndexKind.PLAIN,), unique=0.0, default=0.0)
    rates: list[dict[str, Any]] = [{knob: 0.0}, {knob: 1.0}]
    assert said not in ddl_of(replace(knobs, **rates[0]))
    assert ddl_of(replace(knobs, **rates[1])).count(said) > 10


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (IndexKind.PLAIN, "CREATE INDEX x ON t1 (c1)"),
        (IndexKind.UNIQUE, "CREATE UNIQUE INDEX x ON t1 (c1, id)"),
        (IndexKind.COMPOSITE, "CREATE INDEX x ON t1 (c1, id)"),
        (IndexKind.DESCENDING, "CREATE INDEX x ON t1 (c1 DESC)"),
        (IndexKind.PARTIAL, "CREATE INDEX x ON t1 (c1) WHERE c1 IS NOT NULL"),
        (IndexKind.EXPRESSION, "CREATE INDEX x ON t1 (lower(c1))"),
    ],
)
def test_an_index_of_each_kind(kind: IndexKind, said: str) -> None:
    knobs = SchemaKnobs(tables=1, columns=2, types=(ColumnType.TEXT,), indexes=0, index_kinds=(kind,))
    (table,) = draw_schema(1, knobs)
    assert said in {draw_index(Sampler(seed, "test"), knobs, table, "x").ddl for seed in SEEDS}


def test_a_table_refers_to_an_earlier_one_that_has_a_key() -> None:
    seen = 0
    for seed in SEEDS:
        tables = draw_schema(seed, replace(WIDE, primary_key=0.5, foreign_key=1.0))
        for number, table in enumerate(tables):
            for column in table.columns:
                if column.references is not None:
                    seen += 1
                    assert column.references < number
                    assert tables[column.references].has_key
    assert seen > 10


def test_a_table_more_changes_no_other_one() -> None:
    for seed in SEEDS:
        few, many = draw_schema(seed, replace(WIDE, tables=1)), draw_schema(seed, WIDE)
        assert many[0] == few[0]
