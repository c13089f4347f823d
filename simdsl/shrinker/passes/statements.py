"""SQL steps as syntax trees, and the plan with some of them replaced: the toolbox of passes over SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from simdsl.dialect.sqlglot_adapter import SqlGenerationError, SqlParseError, SqlTree, generate_sql, parse_tree
from simdsl.plan.expectations import Expectation
from simdsl.plan.source import Path
from simdsl.plan.sql import Dialect
from simdsl.plan.steps import SqlStep
from simdsl.shrinker.case import ShrinkCase, sql_steps
from simdsl.syntax.problems import ParseError
from simdsl.syntax.sql_lexer import parse_sql
from simdsl.verbs.check import Check


def dialect_of(case: ShrinkCase) -> Dialect:
    """The dialect of the plan. SQLite's where the plan names none: it accepts most of what the others do."""
    return case.plan.dialect or Dialect.SQLITE


def parsed_statements(case: ShrinkCase) -> Iterator[tuple[Path, SqlStep, SqlTree]]:
    """The statements that sqlglot can parse, transaction control excluded. All others stay as they are."""
    for path, step in sql_steps(case):
        if step.sql.transaction is not None:
            continue
        try:
            yield path, step, parse_tree(step.sql.text, dialect_of(case))
        except SqlParseError:
            continue


def with_statements(
    case: ShrinkCase, changes: Mapping[Path, SqlTree], expects: Mapping[Path, Expectation | None] | None = None
) -> ShrinkCase | None:
    """The case with other statements, and other expectations where ``expects`` has some; None if nothing would change.

    A tree that sqlglot cannot write, or whose text simdsl's own lexer refuses, makes the whole change void: a half of it
    would be another change.
    """
    steps = dict(sql_steps(case))
    edits = {}
    for path, tree in changes.items():
        step = steps[path]
        try:
            sql = parse_sql(generate_sql(tree, dialect_of(case)), dialect_of(case))
        except (SqlGenerationError, ParseError):
            return None
        expect = (expects or {}).get(path, step.expect)
        if sql.text != step.sql.text:
            edits[path] = (replace(step, sql=sql, expect=expect),)
    return case.edited(edits) if edits else None


def compares_statements(case: ShrinkCase) -> bool:
    """Whether the plan compares statements with each other, so that none of them may change alone."""
    return bool(case.plan.properties) or any(isinstance(step, Check) for _, step in case.places())
