"""Expressions that can be simpler.

An expression that stands in several places is changed in all of them, so that what relates them stays: the three parts of a
partition by a condition are partitions by the simpler one. Where statements are judged against each other, what stands in
one place only is left alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from simdsl.dialect.door import Tree, exp, told
from simdsl.shrinker.case import Case
from simdsl.shrinker.passes.statements import is_related, rewritten, trees


def propose(case: Case) -> Iterator[Case]:
    """Each expression as what stands below it, the longest ones first."""
    read = [(path, tree) for path, _, tree in trees(case)]
    least = 2 if is_related(case) else 1
    nodes = [node for _, tree in read for node in _expressions(tree)]
    places = Counter(told(node) for node in nodes)
    found = {told(node): node for node in nodes if places[told(node)] >= least}
    for text, node in sorted(found.items(), key=lambda item: (-len(item[0]), item[0])):
        for simpler in _simpler(node):
            changes = {}
            for path, tree in read:
                changed = tree.transform(lambda one, text=text, by=simpler: by.copy() if _is(one, text) else one)
                if changed != tree:
                    changes[path] = changed
            made = rewritten(case, changes)
            if made is not None:
                yield made


def _expressions(tree: Tree) -> Iterator[Tree]:
    return (node for node in tree.find_all(exp.Condition) if not isinstance(node, exp.Column | exp.Literal | exp.Star))


def _simpler(node: Tree) -> Iterator[Tree]:
    """What stands below it, the shortest first."""
    below = [one.unnest() for one in node.iter_expressions() if isinstance(one, exp.Condition)]
    below += [
        one for child in node.iter_expressions() if not isinstance(child, exp.Condition) for one in child.iter_expressions()
    ]
    yield from sorted((one for one in below if isinstance(one, exp.Condition)), key=lambda one: (len(told(one)), told(one)))


def _is(node: Tree, text: str) -> bool:
    return isinstance(node, exp.Condition) and told(node) == text
