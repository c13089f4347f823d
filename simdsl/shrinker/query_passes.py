"""Passes over the text of statements: clauses, FROM, expressions and literals.

Where a plan compares statements with each other, what relates them must survive. The three queries of a partition by a
condition are still partitions if the condition is simplified in all of them, and nothing at all if it is simplified in one:
the plan would still fail, but for a reason that no database is to blame for. So in such plans a text is changed wherever it
stands, and only if it stands in several places.

At the top is their toolbox: SQL steps as syntax trees, and the plan with some of them replaced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from simdsl.dialect.sqlglot_adapter import (
    SqlGenerationError,
    SqlParseError,
    SqlTree,
    canonical_text,
    exp,
    generate_sql,
    parse_tree,
)
from simdsl.plan.diagnostics import Path
from simdsl.plan.expectations import Expectation, Scalar
from simdsl.plan.expressions import BinaryOperation, Constant, Expression, ResultSlice
from simdsl.plan.sql import Dialect
from simdsl.plan.steps import SqlStep, Step
from simdsl.shrinker.case import ShrinkCase, sql_steps
from simdsl.syntax.printer import expression_text
from simdsl.syntax.problems import ParseError
from simdsl.syntax.sql_lexer import parse_sql
from simdsl.verbs.check import Check


def dialect_of(case: ShrinkCase) -> Dialect:
    """The dialect of the plan. SQLite's where the plan names none: it accepts most of what the others do."""
    return case.plan.dialect or Dialect.SQLITE


def parsed_statements(case: ShrinkCase) -> Iterator[tuple[Path, SqlStep, SqlTree]]:
    """The statements that sqlglot can parse, transaction control excluded. All others stay as they are."""
    for path, step in sql_steps(case):
        if step.sql.transaction is not None:
            continue
        try:
            yield path, step, parse_tree(step.sql.text, dialect_of(case))
        except SqlParseError:
            continue


def with_statements(
    case: ShrinkCase, changes: Mapping[Path, SqlTree], expects: Mapping[Path, Expectation | None] | None = None
) -> ShrinkCase | None:
    """The case with other statements, and other expectations where ``expects`` has some; None if nothing would change.

    A tree that sqlglot cannot write, or whose text simdsl's own lexer refuses, makes the whole change void: a half of it
    would be another change.
    """
    steps = dict(sql_steps(case))
    edits = {}
    for path, tree in changes.items():
        step = steps[path]
        try:
            sql = parse_sql(generate_sql(tree, dialect_of(case)), dialect_of(case))
        except (SqlGenerationError, ParseError):
            return None
        expect = (expects or {}).get(path, step.expect)
        if sql.text != step.sql.text:
            edits[path] = (replace(step, sql=sql, expect=expect),)
    return case.edited(edits) if edits else None


def compares_statements(case: ShrinkCase) -> bool:
    """Whether the plan compares statements with each other, so that none of them may change alone."""
    return bool(case.plan.properties) or any(isinstance(step, Check) for _, step in case.places())


_CLAUSES: Final = ("limit", "offset", "order", "distinct", "having", "group", "where", "joins")


_LISTS: Final = ("order", "group")


_COLUMN: Final = "column"


# What is to go: the kind of clause or list, and its text.
Part: TypeAlias = tuple[str, str]


def remove_clauses(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """Clauses, sides of set operations, and items of lists that need not be there.

    Statement by statement, the last one first; in a plan that compares statements each text wherever it stands.
    """
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
    """The parts that stand in several places."""
    return [part for part, places in Counter(part for tree in compared for part in _parts(tree)).items() if places > 1]


def _stays_related(case: ShrinkCase, part: Part, compared: Sequence[SqlTree], changed: Sequence[SqlTree]) -> bool:
    match part:
        # A condition may go only where it is nowhere else, as in the CASE of a rewritten query.
        case ("where", text):
            return not any(text.removeprefix("WHERE ") in canonical_text(tree) for tree in changed)
        # The order matters where a check counts off rows; a query without a table has one row, in any order.
        case ("order" | "order by", _):
            has_table = any(tree.find(exp.Table) for tree in compared)
            return not has_table or not any(_counts_off(step) for _, step in case.places())
        # These may make the set that the result is compared with, or the groups of a HAVING.
        case ("distinct" | "group" | "group by" | "having", _):
            return not any(tree.find(exp.SetOperation, exp.Having) for tree in compared)
        case _:  # LIMIT, OFFSET, joins and columns relate nothing
            return True


def _counts_off(step: Step) -> bool:
    return isinstance(step, Check) and "slice(" in expression_text(step.expression)


def _made(case: ShrinkCase | None) -> Iterator[ShrinkCase]:
    if case is not None:
        yield case


def _parts(tree: SqlTree) -> Iterator[Part]:
    """The clauses of every SELECT, UPDATE and DELETE in a statement, and of lists with several items each item."""
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
            # One item has to stay: an empty list is no SQL.
            left = [item for item in owner.expressions if canonical_text(item) != text]
            owner.set("expressions", left or owner.expressions[:1])
    return changed


def _lists(node: SqlTree) -> Iterator[tuple[str, SqlTree]]:
    """The lists of a node, each with the kind of its items."""
    if isinstance(node, exp.Select):
        yield _COLUMN, node
    yield from ((f"{kind} by", node.args[kind]) for kind in _LISTS if isinstance(node.args.get(kind), exp.Expr))


def _owners(tree: SqlTree) -> list[SqlTree]:
    return list(tree.find_all(exp.Select, exp.SetOperation, exp.Update, exp.Delete))


def _text(node: SqlTree, clause: str) -> str:
    """The text of a clause; empty where there is none, or only a keyword such as the DISTINCT of a UNION."""
    said = node.args.get(clause)
    return " ".join(canonical_text(one) for one in (said if isinstance(said, list) else [said]) if isinstance(one, exp.Expr))


_WRITES: Final = (exp.Insert, exp.Update, exp.Delete)


_VALUES: Final = (exp.Literal.number(0), exp.Literal.number(1), exp.null())


def remove_sources(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """Queries without their FROM: a single table goes, wherever it stands, and its columns become one value.

    Where statements are compared with each other, two at least, all of them have to read that table, and nothing may be
    compared that is written to it.
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
        # 0, 1 and NULL: false, true and unknown are what conditions can make of a column.
        for value in _VALUES:
            made = with_statements(case, {path: _without(tree, text, value) for path, _, tree in read})
            if made is not None:
                yield made


def _sources(tree: SqlTree) -> Iterator[tuple[str, str]]:
    """Each FROM of a single table, and the name of the table."""
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
    """Each expression as one of its operands, the longest expressions first: they hide the most."""
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
    """The operands of an expression, the shortest first, and those behind a node that is no expression, such as WHEN."""
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
    """Each literal as a simpler one, the longest first: 0, 1, 2 or no fraction; an empty text, one letter, half of it.

    Everywhere at once: what is compared with a value must find the simpler one as well. A literal that stands in one place
    of a compared query is left alone. The bounds of ``slice(x, 2, 5)`` in a check repeat an OFFSET and a LIMIT, so they
    count as another place and change along.
    """
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
    """Whether the literal is the size of a type, as in `VARCHAR(20)`, which is no value."""
    return node.find_ancestor(exp.DataType) is not None


def _checks(case: ShrinkCase) -> Iterator[tuple[Path, Check]]:
    return ((path, step) for path, step in case.places() if isinstance(step, Check))


def _resliced(case: ShrinkCase, old: str, new: str) -> ShrinkCase:
    """The case with another number in the bounds of slices in checks."""
    made = {path: (replace(check, expression=_bounded(check.expression, old, new)),) for path, check in _checks(case)}
    return case.edited(made) or case


def _bounds(expression: Expression) -> Iterator[str]:
    match expression:
        case BinaryOperation(left=left, right=right):
            yield from _bounds(left)
            yield from _bounds(right)
        case ResultSlice(offset=offset, n=n):
            yield from (_number(one) for one in (offset, n))
        case _:  # no bounds below it
            pass


def _bounded(expression: Expression, old: str, new: str) -> Expression:
    match expression:
        case BinaryOperation(left=left, right=right):
            return replace(expression, left=_bounded(left, old, new), right=_bounded(right, old, new))
        case ResultSlice(offset=offset, n=n):
            by = Constant(cell=Scalar(value=int(new))) if new.isdecimal() else None
            first, many = ((by if by is not None and _number(one) == old else one) for one in (offset, n))
            return replace(expression, offset=first, n=many)
        case _:  # no bounds below it
            return expression


def _number(expression: Expression) -> str:
    """An integer as SQL writes it; empty for any other expression."""
    match expression:
        case Constant(cell=Scalar(value=int() as value)) if not isinstance(value, bool):
            return str(value)
        case _:  # no integer
            return ""
