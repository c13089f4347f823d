"""Clauses, sides of set operations, columns of results and terms of ORDER BY and GROUP BY that need not be there.

Where statements are judged against each other a clause goes only if it stands in several places, from all of them, and if
what relates them stays: a condition that is nowhere else; an order where no rows are counted off; DISTINCT and GROUP BY
where they do not make a set of what is compared with one, or groups for HAVING.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from simdsl.dialect.door import Tree, exp, told
from simdsl.language.unparse import expression_text
from simdsl.plan.ir import Check, Step
from simdsl.shrinker.case import Case
from simdsl.shrinker.passes.statements import is_related, rewritten, trees

_CLAUSES: Final = ("limit", "offset", "order", "distinct", "having", "group", "where", "joins")
_LISTS: Final = ("order", "group")
_COLUMN: Final = "column"

Part: TypeAlias = tuple[str, str]
"""What kind of thing, and its text."""


def propose(case: Case) -> Iterator[Case]:
    """Statement by statement, the last one first; or each text wherever it stands."""
    read = [(path, tree) for path, _, tree in trees(case)]
    if is_related(case):
        compared = [tree for _, tree in read]
        for part in _common(compared):
            changed = [_without(tree, part) for tree in compared]
            if _stays_related(case, part, compared, changed):
                yield from _made(rewritten(case, {path: tree for (path, _), tree in zip(read, changed, strict=True)}))
        return
    for path, tree in reversed(read):
        if isinstance(tree, exp.SetOperation):
            yield from _made(rewritten(case, {path: tree.args["this"]}))
            yield from _made(rewritten(case, {path: tree.args["expression"]}))
        for part in dict.fromkeys(_parts(tree)):
            yield from _made(rewritten(case, {path: _without(tree, part)}))


def _common(compared: Sequence[Tree]) -> list[Part]:
    """What stands in several places."""
    return [part for part, places in Counter(part for tree in compared for part in _parts(tree)).items() if places > 1]


def _stays_related(case: Case, part: Part, compared: Sequence[Tree], changed: Sequence[Tree]) -> bool:
    match part:
        case ("where", text):
            return not any(text.removeprefix("WHERE ") in told(tree) for tree in changed)
        case ("order" | "order by", _):
            has_table = any(tree.find(exp.Table) for tree in compared)  # without one there is one row
            return not has_table or not any(_counts_off(step) for _, step in case.places())
        case ("distinct" | "group" | "group by" | "having", _):
            return not any(tree.find(exp.SetOperation, exp.Having) for tree in compared)
        case _:
            return True


def _counts_off(step: Step) -> bool:
    return isinstance(step, Check) and "slice(" in expression_text(step.expression)


def _made(case: Case | None) -> Iterator[Case]:
    if case is not None:
        yield case


def _parts(tree: Tree) -> Iterator[Part]:
    """What every SELECT in a statement has, and an UPDATE or DELETE; of a list each item, where there are several."""
    for node in _owners(tree):
        yield from ((clause, text) for clause in _CLAUSES if (text := _text(node, clause)))
        for kind, owner in _lists(node):
            if len(owner.expressions) > 1:
                yield from ((kind, told(item)) for item in reversed(owner.expressions))


def _without(tree: Tree, part: Part) -> Tree:
    changed = tree.copy()
    kind, text = part
    for node in _owners(changed):
        if kind in _CLAUSES and _text(node, kind) == text:
            node.set(kind, None)
        for _, owner in [one for one in _lists(node) if one[0] == kind]:
            left = [item for item in owner.expressions if told(item) != text]
            owner.set("expressions", left or owner.expressions[:1])
    return changed


def _lists(node: Tree) -> Iterator[tuple[str, Tree]]:
    """What holds several items, each with the kind of those."""
    if isinstance(node, exp.Select):
        yield _COLUMN, node
    yield from ((f"{kind} by", node.args[kind]) for kind in _LISTS if isinstance(node.args.get(kind), exp.Expr))


def _owners(tree: Tree) -> list[Tree]:
    return list(tree.find_all(exp.Select, exp.SetOperation, exp.Update, exp.Delete))


def _text(node: Tree, clause: str) -> str:
    """What a clause says; nothing where there is none, or only a word such as UNION's DISTINCT."""
    said = node.args.get(clause)
    return " ".join(told(one) for one in (said if isinstance(said, list) else [said]) if isinstance(one, exp.Expr))
