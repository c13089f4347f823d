"""Statements as trees, and what becomes of the plan when some of them are other ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from simdsl.dialect.door import Tree, Unread, Unwritten, parse, write
from simdsl.language.lexing import parse_sql
from simdsl.language.problems import Refused
from simdsl.plan.ir import Check, Dialect, Expectation, Path, SqlStep
from simdsl.shrinker.case import Case, statements


def dialect_of(case: Case) -> Dialect:
    """The dialect that the plan is written in; where it says none, the one that is nearest to all."""
    return case.plan.dialect or Dialect.SQLITE


def trees(case: Case) -> Iterator[tuple[Path, SqlStep, Tree]]:
    """The statements that can be read. Transaction control is none."""
    for path, step in statements(case):
        if step.sql.transaction is not None:
            continue
        try:
            yield path, step, parse(step.sql.text, dialect_of(case))
        except Unread:
            continue


def rewritten(
    case: Case, changes: Mapping[Path, Tree], expects: Mapping[Path, Expectation | None] | None = None
) -> Case | None:
    """The case with other statements; None where one cannot be written, or where none is another one."""
    steps = dict(statements(case))
    edits = {}
    for path, tree in changes.items():
        step = steps[path]
        try:
            sql = parse_sql(write(tree, dialect_of(case)), dialect_of(case))
        except (Unwritten, Refused):
            return None
        expect = (expects or {}).get(path, step.expect)
        if sql.text != step.sql.text:
            edits[path] = (replace(step, sql=sql, expect=expect),)
    return case.edited(edits) if edits else None


def is_related(case: Case) -> bool:
    """Whether statements are judged against each other, so that one must not change alone."""
    return bool(case.plan.properties) or any(isinstance(step, Check) for _, step in case.places())
