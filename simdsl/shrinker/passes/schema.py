"""Constraints that need not be there: those of tables, and those of columns."""

from __future__ import annotations

from collections.abc import Iterator

from simdsl.dialect.door import Tree, exp
from simdsl.shrinker.case import Case
from simdsl.shrinker.passes.statements import rewritten, trees


def propose(case: Case) -> Iterator[Case]:
    """Each constraint, the last table first."""
    for path, _, tree in reversed(list(trees(case))):
        if isinstance(tree, exp.Create) and isinstance(tree.this, exp.Schema):
            for changed in _unconstrained(tree):
                if (made := rewritten(case, {path: changed})) is not None:
                    yield made


def _unconstrained(tree: Tree) -> Iterator[Tree]:
    for i, part in reversed(list(enumerate(tree.this.expressions))):
        if not isinstance(part, exp.ColumnDef):
            changed = tree.copy()
            changed.this.set("expressions", [one for j, one in enumerate(changed.this.expressions) if j != i])
            yield changed
        for j in reversed(range(len(part.args.get("constraints") or ()))):
            changed = tree.copy()
            column = changed.this.expressions[i]
            column.set("constraints", [one for k, one in enumerate(column.args["constraints"]) if k != j])
            yield changed
