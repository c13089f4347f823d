"""Queries: every form is drawn, and what each comes to is right."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from simdsl.core.choices import Sampler
from simdsl.core.verdicts import Verdict
from simdsl.generation.plans import generate
from simdsl.generation.queries import draw_aggregate, draw_window
from simdsl.generation.schema import ColumnDef
from simdsl.plan.plan import Plan
from simdsl.plan.sql import SqlKind
from simdsl.plan.steps import SqlStep
from simdsl.profiles.load import load_profile
from simdsl.profiles.profile import ColumnType
from tests.plans.bundled import problem
from tests.running import run_loaded

READS = (
    "weights.select=300",
    "steps=150",
    "schema.primary_key=1",
    "schema.foreign_key=1",
    "schema.tables=3",
    "error_rate=0",
)
ROWS = [(1, None), (2, 7), (4, 7), (5, -3)]
COLUMN = ColumnDef(name="c1", type=ColumnType.INTEGER)

FORMS = {
    "where=1": (
        r"\blength\(",
        r"\bsubstr\(",
        r"\bcoalesce\(",
        r"\bnullif\(",
        r" IS TRUE",
        r" IS NOT FALSE",
        r" c\d+ (?:=|<>|<) c\d+",
    ),
    "join=1": (r" JOIN .* ON a.id = b.id", r"LEFT JOIN .* b.id IS NULL", r" ON a.parent = b.id"),
    "subquery=1": (r" id IN \(SELECT", r" id NOT IN \(SELECT", r" EXISTS \(SELECT", r"NOT EXISTS \(SELECT"),
    "group_by=1": (r" min\(", r" max\(", r" sum\(id\)", r" count\(DISTINCT ", r" HAVING .* AND max\(id\) >"),
    "cte=1": (r"^WITH q AS \(SELECT id", r"^WITH q \(v, n, made\) AS"),
    "set_operation=1": (r" UNION SELECT id", r" UNION ALL ", r" INTERSECT ", r" EXCEPT ", r"^SELECT c\d+ .* SELECT c\d+ "),
    "window=1": (r"row_number\(\)", r"sum\(id\) OVER", r" lag\(", r" lead\(", r"PARTITION BY"),
    "case=1": (r"THEN 1 ELSE 0 END", r"THEN c\d+ END"),
    "like=1": (r" LIKE ", r" NOT LIKE "),
    "in_list=1": (r"id IN \(\d", r"c\d+ IN \("),
    "between=1": (r"id BETWEEN", r"c\d+ BETWEEN", r" NOT BETWEEN "),
    "is_distinct_from=1": (r" IS DISTINCT FROM ", r" IS NOT DISTINCT FROM "),
}


def plans(setting: str) -> Iterator[Plan]:
    others = () if setting in ("join=1", "group_by=1", "set_operation=1") else ("join", "set_operation")
    rates = [f"queries.{setting}", "queries.group_by=0.5" if setting == "cte=1" else "queries.where=0.7"]
    if setting == "where=1":
        rates = ["queries.where=1", "schema.types=[text]"]
    for seed in range(8):
        yield generate(load_profile("quick", [*READS, *rates, *(f"queries.{other}=0" for other in others)]), seed)


@pytest.mark.slow
@pytest.mark.parametrize("setting", FORMS)
def test_every_form_is_drawn(setting: str) -> None:
    said = "\n".join(step.sql.text for plan in plans(setting) for step in plan.steps or () if isinstance(step, SqlStep))
    assert [form for form in FORMS[setting] if not re.search(form, said, re.MULTILINE)] == []


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite", "turso", "postgres"])
@pytest.mark.parametrize("setting", FORMS)
def test_it_comes_to_what_the_plan_says(setting: str, backend: str) -> None:
    if (missing := problem(backend)) is not None:
        pytest.skip(missing)
    plan = next(iter(plans(setting)))
    queries = [step for step in plan.steps or () if isinstance(step, SqlStep) and step.sql.kind is SqlKind.QUERY]
    assert len(queries) > 50
    assert all(step.expect for step in queries)
    ended = run_loaded(plan, backend).ended
    assert ended.verdict is Verdict.PASS, ended.failed


def test_aggregates_of_rows() -> None:
    drawn = dict(draw_aggregate(Sampler(1, "aggregate", i), COLUMN, 1) for i in range(60))
    assert {text: made(ROWS) for text, made in drawn.items()} == {
        "min(c1)": -3,
        "max(c1)": 7,
        "sum(id)": 12,
        "count(c1)": 3,
        "count(DISTINCT c1)": 2,
    }
    assert {text: made(ROWS[:1]) for text, made in drawn.items()}["min(c1)"] is None


def test_windows_over_rows() -> None:
    drawn = dict(draw_window(Sampler(1, "window", i), "c1", 1, ROWS) for i in range(60))
    assert {text: [cell(row, i) for i, row in enumerate(ROWS, 1)] for text, cell in drawn.items()} == {
        "row_number() OVER (ORDER BY id)": [1, 2, 3, 4],
        "sum(id) OVER (ORDER BY id)": [1, 3, 7, 12],
        "lag(id) OVER (ORDER BY id)": [None, 1, 2, 4],
        "lead(id, 1, 0) OVER (ORDER BY id)": [2, 4, 5, 0],
        "count(*) OVER (PARTITION BY c1)": [1, 2, 2, 1],
    }
