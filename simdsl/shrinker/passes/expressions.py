"""Parts of statements that need not be there.

An expression that stands in several statements is changed in all of them, so that what relates them stays: the three
parts of a partition by a condition are partitions by the simpler one. Where statements are judged against each other,
what stands in one of them only, and whole clauses, are left alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from simdsl.dialect.door import Tree, exp
from simdsl.shrinker.case import Case
from simdsl.shrinker.passes.statements import is_related, rewritten, trees

_CLAUSES = ("limit", "offset", "order", "distinct", "having", "group", "where", "joins")


def propose(case: Case) -> Iterator[Case]:
    """Clauses first, then expressions, the longest ones first."""
    read = [(path, tree) for path, _, tree in trees(case)]
    related = is_related(case)
    if not related:
        for path, tree in reversed(read):
            for changed in _without_clauses(tree):
                made = rewritten(case, {path: changed})
                if made is not None:
                    yield made
    places = Counter(text for _, tree in read for text in {node.sql() for node in _expressions(tree)})
    nodes = {node.sql(): node for _, tree in read for node in _expressions(tree)}
    for text, node in sorted(nodes.items(), key=lambda item: (-len(item[0]), item[0])):
        if related and places[text] < 2:
            continue
        for simpler in _simpler(node):
            changes = {}
            for path, tree in read:
                changed = tree.transform(lambda one, text=text, by=simpler: by.copy() if _is(one, text) else one)
                if changed != tree:
                    changes[path] = changed
            made = rewritten(case, changes)
            if made is not None:
                yield made


def _without_clauses(tree: Tree) -> Iterator[Tree]:
    """The statement with less at one place: one side of a set operation, a clause, a column of a SELECT."""
    if isinstance(tree, exp.SetOperation):
        yield tree.args["this"]
        yield tree.args["expression"]
    for i, part in enumerate(_parts(tree)):
        for clause in _CLAUSES:
            if part.args.get(clause):
                changed = tree.copy()
                _parts(changed)[i].set(clause, None)
                yield changed
        if isinstance(part, exp.Select) and len(part.expressions) > 1:
            for gone in reversed(range(len(part.expressions))):
                changed = tree.copy()
                one = _parts(changed)[i]
                one.set("expressions", [column for j, column in enumerate(one.expressions) if j != gone])
                yield changed


def _parts(tree: Tree) -> list[Tree]:
    """What may have clauses: every SELECT in it, and an UPDATE or DELETE."""
    return list(tree.find_all(exp.Select, exp.SetOperation, exp.Update, exp.Delete))


def _expressions(tree: Tree) -> Iterator[Tree]:
    return (node for node in tree.find_all(exp.Condition) if not isinstance(node, exp.Column | exp.Literal | exp.Star))


def _simpler(node: Tree) -> Iterator[Tree]:
    """What stands below it, the shortest first."""
    below = [one.unnest() for one in node.iter_expressions() if isinstance(one, exp.Condition)]
    below += [
        one for child in node.iter_expressions() if not isinstance(child, exp.Condition) for one in child.iter_expressions()
    ]
    yield from sorted((one for one in below if isinstance(one, exp.Condition)), key=lambda one: (len(one.sql()), one.sql()))


def _is(node: Tree, text: str) -> bool:
    return isinstance(node, exp.Condition) and node.sql() == text
