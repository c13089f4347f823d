"""Rows and columns of INSERT that need not be there, and INSERTs that can be one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from simdsl.dialect.door import Tree, exp
from simdsl.plan.ir import Comparison, Count, Counted, Expectation, SqlStep
from simdsl.shrinker.case import Case
from simdsl.shrinker.passes.statements import rewritten, trees


def propose(case: Case) -> Iterator[Case]:
    """Each statement with the rows of the next one; without half of its rows, without each row, without each column."""
    yield from _merged(case)
    for path, step, tree in reversed(list(trees(case))):
        rows = _rows(tree)
        for gone in _selections(len(rows)):
            kept = len(rows) - len(gone)
            changed = rewritten(case, {path: _without_rows(tree, gone)}, {path: _fewer(step, len(rows), kept)})
            if changed is not None:
                yield changed
        for i in reversed(range(len(_columns(tree)))):
            if len(_columns(tree)) > 1 and rows:
                changed = rewritten(case, {path: without_column(tree, i)})
                if changed is not None:
                    yield changed


def _merged(case: Case) -> Iterator[Case]:
    """Two INSERTs of one task with one head, the rows of the later one behind those of the other."""
    inserts = [(path, step, tree) for path, step, tree in trees(case) if _rows(tree)]
    for (path, step, tree), (other, later, more) in pairwise(inserts):
        if (path[:-1], step.task, tree.this) == (other[:-1], later.task, more.this):
            changed = tree.copy()
            changed.args["expression"].set("expressions", [*_rows(changed), *_rows(more.copy())])
            merged = rewritten(case, {path: changed}, {path: None})
            if merged is not None and (made := merged.without({other})) is not None:
                yield made


def without_column(tree: Tree, gone: int) -> Tree:
    """An INSERT without a column: its name, where names are given, and its value in each row."""
    changed = tree.copy()
    target = changed.args["this"]
    if isinstance(target, exp.Schema):
        target.set("expressions", [column for i, column in enumerate(target.expressions) if i != gone])
    for row in _rows(changed):
        row.set("expressions", [cell for i, cell in enumerate(row.expressions) if i != gone])
    return changed


def _selections(n: int) -> Iterator[set[int]]:
    if n > 3:
        yield set(range(n // 2, n))
        yield set(range(n // 2))
    if n > 1:
        yield from ({i} for i in reversed(range(n)))


def _rows(tree: Tree) -> list[Tree]:
    values = tree.args.get("expression") if isinstance(tree, exp.Insert) else None
    return list(values.expressions) if isinstance(values, exp.Values) else []


def _columns(tree: Tree) -> list[Tree]:
    target = tree.args.get("this")
    return list(target.expressions) if isinstance(tree, exp.Insert) and isinstance(target, exp.Schema) else []


def _without_rows(tree: Tree, gone: set[int]) -> Tree:
    changed = tree.copy()
    values = changed.args["expression"]
    values.set("expressions", [row for i, row in enumerate(values.expressions) if i not in gone])
    return changed


def _fewer(step: SqlStep, before: int, after: int) -> Expectation | None:
    """`3 affected` becomes `2 affected` with the rows."""
    if step.expect is None:
        return None
    return tuple(
        replace(one, n=after)
        if isinstance(one, Count) and one.what is Counted.AFFECTED and one.comparison is Comparison.EQ and one.n == before
        else one
        for one in step.expect
    )
