"""Simpler values, everywhere at once: what is compared with a value must find the simpler one too."""

from __future__ import annotations

from collections.abc import Iterator

from simdsl.dialect.door import Tree, exp
from simdsl.shrinker.case import Case
from simdsl.shrinker.passes.statements import rewritten, trees


def propose(case: Case) -> Iterator[Case]:
    """Each literal of the plan, the longest first, as 0, 1, half of it; as '', its first letter, its first half."""
    read = list(trees(case))
    found = {node.sql(): node for _, _, tree in read for node in tree.find_all(exp.Literal) if not _is_of_type(node)}
    for text, node in sorted(found.items(), key=lambda item: (-len(item[0]), item[0])):
        for simpler in _simpler(node):
            changes = {}
            for path, _, tree in read:
                changed = tree.transform(lambda one, text=text, by=simpler: _swapped(one, text, by))
                if changed != tree:
                    changes[path] = changed
            made = rewritten(case, changes)
            if made is not None:
                yield made


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
    return by.copy() if isinstance(node, exp.Literal) and node.sql() == text and not _is_of_type(node) else node


def _is_of_type(node: Tree) -> bool:
    """Whether it is the size of a type."""
    return node.find_ancestor(exp.DataType) is not None
