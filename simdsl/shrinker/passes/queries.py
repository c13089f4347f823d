"""Passes over SQL text: clauses, FROM, expressions and literals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from simdsl.dialect.sqlglot_adapter import SqlTree, canonical_text, exp
from simdsl.plan.expectations import Scalar
from simdsl.plan.expressions import BinaryOperation, Constant, Expression, ResultSlice
from simdsl.plan.source import Path
from simdsl.plan.steps import Step
from simdsl.shrinker.case import ShrinkCase, compares_statements, parsed_statements, with_statements
from simdsl.syntax.printer import expression_text
from simdsl.verbs.check import Check

_CLAUSES: Final = ("limit", "offset", "order", "distinct", "having", "group", "where", "joins")


_LISTS: Final = ("order", "group")


_COLUMN: Final = "column"


Part: TypeAlias = tuple[str, str]
"""What kind of thing, and its text."""


def remove_clauses(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """Statement by statement, the last one first; or each text wherever it stands."""
    read = [(path, tree) for path, _, tree in parsed_statements(case)]
    if compares_statements(case):
        compared = [tree for _, tree in read]
        for part in _common(compared):
            changed = [_without_clauses(tree, part) for tree in compared]
            if _stays_related(case, part, compared, changed):
                yield from _made(with_statements(case, {path: tree for (path, _), tree in zip(read, changed, strict=True)}))
        return
    for path, tree in reversed(read):
        if isinstance(tree, exp.SetOperation):
            yield from _made(with_statements(case, {path: tree.args["this"]}))
            yield from _made(with_statements(case, {path: tree.args["expression"]}))
        for part in dict.fromkeys(_parts(tree)):
            yield from _made(with_statements(case, {path: _without_clauses(tree, part)}))


def _common(compared: Sequence[SqlTree]) -> list[Part]:
    """What stands in several places."""
    return [part for part, places in Counter(part for tree in compared for part in _parts(tree)).items() if places > 1]


def _stays_related(case: ShrinkCase, part: Part, compared: Sequence[SqlTree], changed: Sequence[SqlTree]) -> bool:
    match part:
        case ("where", text):
            return not any(text.removeprefix("WHERE ") in canonical_text(tree) for tree in changed)
        case ("order" | "order by", _):
            has_table = any(tree.find(exp.Table) for tree in compared)  # without one there is one row
            return not has_table or not any(_counts_off(step) for _, step in case.places())
        case ("distinct" | "group" | "group by" | "having", _):
            return not any(tree.find(exp.SetOperation, exp.Having) for tree in compared)
        case _:
            return True


def _counts_off(step: Step) -> bool:
    return isinstance(step, Check) and "slice(" in expression_text(step.expression)


def _made(case: ShrinkCase | None) -> Iterator[ShrinkCase]:
    if case is not None:
        yield case


def _parts(tree: SqlTree) -> Iterator[Part]:
    """What every SELECT in a statement has, and an UPDATE or DELETE; of a list each item, where there are several."""
    for node in _owners(tree):
        yield from ((clause, text) for clause in _CLAUSES if (text := _text(node, clause)))
        for kind, owner in _lists(node):
            if len(owner.expressions) > 1:
                yield from ((kind, canonical_text(item)) for item in reversed(owner.expressions))


def _without_clauses(tree: SqlTree, part: Part) -> SqlTree:
    changed = tree.copy()
    kind, text = part
    for node in _owners(changed):
        if kind in _CLAUSES and _text(node, kind) == text:
            node.set(kind, None)
        for _, owner in [one for one in _lists(node) if one[0] == kind]:
            left = [item for item in owner.expressions if canonical_text(item) != text]
            owner.set("expressions", left or owner.expressions[:1])
    return changed


def _lists(node: SqlTree) -> Iterator[tuple[str, SqlTree]]:
    """What holds several items, each with the kind of those."""
    if isinstance(node, exp.Select):
        yield _COLUMN, node
    yield from ((f"{kind} by", node.args[kind]) for kind in _LISTS if isinstance(node.args.get(kind), exp.Expr))


def _owners(tree: SqlTree) -> list[SqlTree]:
    return list(tree.find_all(exp.Select, exp.SetOperation, exp.Update, exp.Delete))


def _text(node: SqlTree, clause: str) -> str:
    """What a clause says; nothing where there is none, or only a word such as UNION's DISTINCT."""
    said = node.args.get(clause)
    return " ".join(canonical_text(one) for one in (said if isinstance(said, list) else [said]) if isinstance(one, exp.Expr))


_WRITES: Final = (exp.Insert, exp.Update, exp.Delete)


_VALUES: Final = (exp.Literal.number(0), exp.Literal.number(1), exp.null())


def remove_sources(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """FROM of a single table, wherever it stands, with one value for all columns.

    Where statements are judged against each other, two at least, all of them have to read that table, and nothing may be
    judged that is written to it.
    """
    read = list(parsed_statements(case))
    found = {text: table for _, _, tree in read for text, table in _sources(tree)}
    if compares_statements(case):
        judged = [dict(_sources(tree)) for _, step, tree in read if step.options.label is not None]
        written = {tree.find(exp.Table) for path, _, tree in read if path[0] != "setup" and isinstance(tree, _WRITES)}
        names = {table.name for table in written if table is not None}
        common = {text for text in found if len(judged) > 1 and all(text in one for one in judged)}
        found = {text: table for text, table in found.items() if text in common and table not in names}
    for text in found:
        for value in _VALUES:
            made = with_statements(case, {path: _without(tree, text, value) for path, _, tree in read})
            if made is not None:
                yield made


def _sources(tree: SqlTree) -> Iterator[tuple[str, str]]:
    """Each FROM of a single table, and the table's name."""
    return ((canonical_text(select.args["from_"]), select.args["from_"].this.name) for select in _reading(tree))


def _reading(tree: SqlTree) -> list[SqlTree]:
    """Every SELECT of one table and nothing else."""
    found = tree.find_all(exp.Select)
    return [
        one for one in found if isinstance(one.args.get("from_"), exp.From) and not one.args.get("joins") and _is_table(one)
    ]


def _is_table(select: SqlTree) -> bool:
    return isinstance(select.args["from_"].this, exp.Table)


def _without(tree: SqlTree, text: str, value: SqlTree) -> SqlTree:
    changed = tree.copy()
    for select in _reading(changed):
        if canonical_text(select.args["from_"]) == text:
            for column in [one for one in select.find_all(exp.Column) if one.find_ancestor(exp.Select) is select]:
                column.replace(value.copy())
            select.set("from_", None)
    return changed


def simplify_expressions(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """Each expression as what stands below it, the longest ones first."""
    read = [(path, tree) for path, _, tree in parsed_statements(case)]
    least = 2 if compares_statements(case) else 1
    nodes = [node for _, tree in read for node in _expressions(tree)]
    places = Counter(canonical_text(node) for node in nodes)
    found = {canonical_text(node): node for node in nodes if places[canonical_text(node)] >= least}
    for text, node in sorted(found.items(), key=lambda item: (-len(item[0]), item[0])):
        for simpler in _simpler(node):
            changes = {}
            for path, tree in read:
                changed = tree.transform(lambda one, text=text, by=simpler: by.copy() if _is(one, text) else one)
                if changed != tree:
                    changes[path] = changed
            made = with_statements(case, changes)
            if made is not None:
                yield made


def _expressions(tree: SqlTree) -> Iterator[SqlTree]:
    return (node for node in tree.find_all(exp.Condition) if not isinstance(node, exp.Column | exp.Literal | exp.Star))


def _simpler(node: SqlTree) -> Iterator[SqlTree]:
    """What stands below it, the shortest first."""
    below = [one.unnest() for one in node.iter_expressions() if isinstance(one, exp.Condition)]
    below += [
        one for child in node.iter_expressions() if not isinstance(child, exp.Condition) for one in child.iter_expressions()
    ]
    yield from sorted(
        (one for one in below if isinstance(one, exp.Condition)),
        key=lambda one: (len(canonical_text(one)), canonical_text(one)),
    )


def _is(node: SqlTree, text: str) -> bool:
    return isinstance(node, exp.Condition) and canonical_text(node) == text


def simplify_literals(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """Each literal of the plan, the longest first, as 0, 1, half of it; as '', its first letter, its first half."""
    read = list(parsed_statements(case))
    found = {canonical_text(node): node for _, _, tree in read for node in _literals(tree)}
    if compares_statements(case):
        places = Counter(canonical_text(node) for _, _, tree in read for node in _literals(tree))
        places.update(number for _, check in _checks(case) for number in _bounds(check.expression))
        queried = {canonical_text(node) for _, _, tree in read if isinstance(tree, exp.Query) for node in _literals(tree)}
        found = {text: node for text, node in found.items() if places[text] > 1 or text not in queried}
    for text, node in sorted(found.items(), key=lambda item: (-len(item[0]), item[0])):
        for simpler in _simpler_values(node):
            changes = {}
            for path, _, tree in read:
                changed = tree.transform(lambda one, text=text, by=simpler: _swapped(one, text, by))
                if changed != tree:
                    changes[path] = changed
            made = with_statements(case, changes)
            if made is not None:
                yield _resliced(made, text, str(simpler.this))


def _literals(tree: SqlTree) -> Iterator[SqlTree]:
    return (node for node in tree.find_all(exp.Literal) if not _is_of_type(node))


def _simpler_values(node: SqlTree) -> Iterator[SqlTree]:
    text = str(node.this)
    if node.is_string:
        for shorter in dict.fromkeys(("", text[:1], text[: len(text) // 2])):
            if len(shorter) < len(text):
                yield exp.Literal.string(shorter)
        return
    for number in ("0", "1", "2", text.partition(".")[0].partition("e")[0]):
        if (len(number), number) < (len(text), text):
            yield exp.Literal.number(number)


def _swapped(node: SqlTree, text: str, by: SqlTree) -> SqlTree:
    return by.copy() if isinstance(node, exp.Literal) and canonical_text(node) == text and not _is_of_type(node) else node


def _is_of_type(node: SqlTree) -> bool:
    """Whether it is the size of a type."""
    return node.find_ancestor(exp.DataType) is not None


def _checks(case: ShrinkCase) -> Iterator[tuple[Path, Check]]:
    return ((path, step) for path, step in case.places() if isinstance(step, Check))


def _resliced(case: ShrinkCase, old: str, new: str) -> ShrinkCase:
    """The case with another number in the bounds of slices."""
    made = {path: (replace(check, expression=_bounded(check.expression, old, new)),) for path, check in _checks(case)}
    return case.edited(made) or case


def _bounds(expression: Expression) -> Iterator[str]:
    match expression:
        case BinaryOperation(left=left, right=right):
            yield from _bounds(left)
            yield from _bounds(right)
        case ResultSlice(offset=offset, n=n):
            yield from (_number(one) for one in (offset, n))
        case _:
            pass


def _bounded(expression: Expression, old: str, new: str) -> Expression:
    match expression:
        case BinaryOperation(left=left, right=right):
            return replace(expression, left=_bounded(left, old, new), right=_bounded(right, old, new))
        case ResultSlice(offset=offset, n=n):
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
