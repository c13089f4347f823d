"""Columns, constraints and types that need not be there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from simdsl.dialect.door import Tree, exp
from simdsl.shrinker.case import Case
from simdsl.shrinker.passes.rows import without_column
from simdsl.shrinker.passes.statements import rewritten, trees


def propose(case: Case) -> Iterator[Case]:
    """Each column that nothing else names, with its values where INSERT gives them by place; then each constraint."""
    read = [(path, tree) for path, _, tree in trees(case)]
    for path, tree in reversed(read):
        if not isinstance(tree, exp.Create) or not isinstance(tree.this, exp.Schema):
            continue
        parts = tree.this.expressions
        for i in reversed(range(len(parts))):
            changes = {path: _without_part(tree, i)}
            if isinstance(parts[i], exp.ColumnDef):
                if len(parts) < 2 or _is_named(parts[i].name, read, path):
                    continue
                for other, insert in read:
                    if isinstance(insert, exp.Insert) and _table(insert) == _table(tree):
                        changes[other] = without_column(insert, i)
            if (made := rewritten(case, changes)) is not None:
                yield made
        for changed in _unconstrained(tree):
            if (made := rewritten(case, {path: changed})) is not None:
                yield made


def _is_named(name: str, read: Sequence[tuple[object, Tree]], but: object) -> bool:
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
    return any(word.search(tree.sql()) for path, tree in read if path != but)


def _table(tree: Tree) -> str:
    table = tree.find(exp.Table)
    return table.name.lower() if table is not None else ""


def _without_part(tree: Tree, gone: int) -> Tree:
    changed = tree.copy()
    changed.this.set("expressions", [part for i, part in enumerate(changed.this.expressions) if i != gone])
    return changed


def _unconstrained(tree: Tree) -> Iterator[Tree]:
    for i, part in enumerate(tree.this.expressions):
        for j in reversed(range(len(part.args.get("constraints") or ()))):
            changed = tree.copy()
            column = changed.this.expressions[i]
            column.set("constraints", [one for k, one in enumerate(column.args["constraints"]) if k != j])
            yield changed
