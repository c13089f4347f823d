"""Tables that need not be two: what reads the one reads the other."""

from __future__ import annotations

from collections.abc import Iterator

from simdsl.dialect.door import Tree, exp
from simdsl.shrinker.case import Case
from simdsl.shrinker.passes.statements import rewritten, trees
from simdsl.shrinker.ties import Ties


def propose(case: Case) -> Iterator[Case]:
    """Each table that the plan makes becomes each other one; what makes and fills it is gone. The last one first."""
    read = [(path, tree) for path, _, tree in trees(case)]
    names = [name for _, tree in read if (name := _made(tree)) is not None]
    for name in reversed(names):
        for other in [one for one in names if one != name]:
            renamed = rewritten(case, {path: _renamed(tree, name, other) for path, tree in read})
            gone = {path for path, tree in read if isinstance(tree, exp.Create | exp.Insert) and _about(tree) == name}
            if renamed is not None and (made := renamed.without(Ties.of(renamed).with_dependents(gone))) is not None:
                yield made


def _made(tree: Tree) -> str | None:
    return _about(tree) if isinstance(tree, exp.Create) and tree.kind == "TABLE" else None


def _about(tree: Tree) -> str | None:
    """The table that a statement makes, fills or indexes."""
    table = tree.find(exp.Table)
    return table.name if table is not None else None


def _renamed(tree: Tree, name: str, other: str) -> Tree:
    changed = tree.copy()
    for table in [table for table in changed.find_all(exp.Table) if table.name == name]:
        table.this.set("this", other)
    return changed
