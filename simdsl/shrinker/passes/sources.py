"""Tables that a query need not read: what it says of their columns it can say of a value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from simdsl.dialect.door import Tree, exp, told
from simdsl.shrinker.case import Case
from simdsl.shrinker.passes.statements import is_related, rewritten, trees

_WRITES: Final = (exp.Insert, exp.Update, exp.Delete)
_VALUES: Final = (exp.Literal.number(0), exp.Literal.number(1), exp.null())


def propose(case: Case) -> Iterator[Case]:
    """FROM of a single table, wherever it stands, with one value for all columns.

    Where statements are judged against each other, two at least, all of them have to read that table, and nothing may be
    judged that is written to it.
    """
    read = list(trees(case))
    found = {text: table for _, _, tree in read for text, table in _sources(tree)}
    if is_related(case):
        judged = [dict(_sources(tree)) for _, step, tree in read if step.options.label is not None]
        written = {tree.find(exp.Table) for path, _, tree in read if path[0] != "setup" and isinstance(tree, _WRITES)}
        names = {table.name for table in written if table is not None}
        common = {text for text in found if len(judged) > 1 and all(text in one for one in judged)}
        found = {text: table for text, table in found.items() if text in common and table not in names}
    for text in found:
        for value in _VALUES:
            made = rewritten(case, {path: _without(tree, text, value) for path, _, tree in read})
            if made is not None:
                yield made


def _sources(tree: Tree) -> Iterator[tuple[str, str]]:
    """Each FROM of a single table, and the table's name."""
    return ((told(select.args["from_"]), select.args["from_"].this.name) for select in _reading(tree))


def _reading(tree: Tree) -> list[Tree]:
    """Every SELECT of one table and nothing else."""
    found = tree.find_all(exp.Select)
    return [
        one for one in found if isinstance(one.args.get("from_"), exp.From) and not one.args.get("joins") and _is_table(one)
    ]


def _is_table(select: Tree) -> bool:
    return isinstance(select.args["from_"].this, exp.Table)


def _without(tree: Tree, text: str, value: Tree) -> Tree:
    changed = tree.copy()
    for select in _reading(changed):
        if told(select.args["from_"]) == text:
            for column in [one for one in select.find_all(exp.Column) if one.find_ancestor(exp.Select) is select]:
                column.replace(value.copy())
            select.set("from_", None)
    return changed
