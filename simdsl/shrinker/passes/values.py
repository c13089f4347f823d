"""Simpler values, everywhere at once: what is compared with a value must find the simpler one too.

Where statements are judged against each other, what a query alone says, in one place only, is left alone. A check that
speaks of the rows from here to there, `slice(x, 2, 5)`, says the numbers of an OFFSET and a LIMIT: it is another place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from simdsl.dialect.door import Tree, exp, told
from simdsl.plan.ir import Binary, Check, Constant, Expression, Path, Scalar, Slice
from simdsl.shrinker.case import Case
from simdsl.shrinker.passes.statements import is_related, rewritten, trees


def propose(case: Case) -> Iterator[Case]:
    """Each literal of the plan, the longest first, as 0, 1, half of it; as '', its first letter, its first half."""
    read = list(trees(case))
    found = {told(node): node for _, _, tree in read for node in _literals(tree)}
    if is_related(case):
        places = Counter(told(node) for _, _, tree in read for node in _literals(tree))
        places.update(number for _, check in _checks(case) for number in _bounds(check.expression))
        queried = {told(node) for _, _, tree in read if isinstance(tree, exp.Query) for node in _literals(tree)}
        found = {text: node for text, node in found.items() if places[text] > 1 or text not in queried}
    for text, node in sorted(found.items(), key=lambda item: (-len(item[0]), item[0])):
        for simpler in _simpler(node):
            changes = {}
            for path, _, tree in read:
                changed = tree.transform(lambda one, text=text, by=simpler: _swapped(one, text, by))
                if changed != tree:
                    changes[path] = changed
            made = rewritten(case, changes)
            if made is not None:
                yield _resliced(made, text, str(simpler.this))


def _literals(tree: Tree) -> Iterator[Tree]:
    return (node for node in tree.find_all(exp.Literal) if not _is_of_type(node))


def _simpler(node: Tree) -> Iterator[Tree]:
    text = str(node.this)
    if node.is_string:
        for shorter in dict.fromkeys(("", text[:1], text[: len(text) // 2])):
            if len(shorter) < len(text):
                yield exp.Literal.string(shorter)
        return
    for number in ("0", "1", "2", text.partition(".")[0].partition("e")[0]):
        if (len(number), number) < (len(text), text):
            yield exp.Literal.number(number)


def _swapped(node: Tree, text: str, by: Tree) -> Tree:
    return by.copy() if isinstance(node, exp.Literal) and told(node) == text and not _is_of_type(node) else node


def _is_of_type(node: Tree) -> bool:
    """Whether it is the size of a type."""
    return node.find_ancestor(exp.DataType) is not None


def _checks(case: Case) -> Iterator[tuple[Path, Check]]:
    return ((path, step) for path, step in case.places() if isinstance(step, Check))


def _resliced(case: Case, old: str, new: str) -> Case:
    """The case with another number in the bounds of slices."""
    made = {path: (replace(check, expression=_bounded(check.expression, old, new)),) for path, check in _checks(case)}
    return case.edited(made) or case


def _bounds(expression: Expression) -> Iterator[str]:
    match expression:
        case Binary(left=left, right=right):
            yield from _bounds(left)
            yield from _bounds(right)
        case Slice(offset=offset, n=n):
            yield from (_number(one) for one in (offset, n))
        case _:
            pass


def _bounded(expression: Expression, old: str, new: str) -> Expression:
    match expression:
        case Binary(left=left, right=right):
            return replace(expression, left=_bounded(left, old, new), right=_bounded(right, old, new))
        case Slice(offset=offset, n=n):
            by = Constant(cell=Scalar(value=int(new))) if new.isdecimal() else None
            first, many = ((by if by is not None and _number(one) == old else one) for one in (offset, n))
            return replace(expression, offset=first, n=many)
        case _:
            return expression


def _number(expression: Expression) -> str:
    """An integer as SQL writes it; nothing for what is none."""
    match expression:
        case Constant(cell=Scalar(value=int() as value)) if not isinstance(value, bool):
            return str(value)
        case _:
            return ""
