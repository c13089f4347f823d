"""What follows the arrow: from text to the alternatives of an expectation, and which of them a statement can never match.

There are two ways to read one. ``parse_expectation`` uses the grammar and reads everything. ``fast_expectation`` reads the
common forms by regular expression: 3 us instead of 45 us (CPython 3.11), and a small plan never waits for a parser to
be built (25 ms). Where it answers, the grammar would answer the same, which the tests check on generated text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, assert_never

from simdsl.plan.codes import Code
from simdsl.plan.deferred import lazy_regex
from simdsl.plan.diagnostics import Path
from simdsl.plan.expectations import (
    Alternative,
    Binding,
    Blocks,
    Cell,
    CellRow,
    ComparisonOperator,
    Contains,
    Count,
    CountUnit,
    ExactRows,
    Excludes,
    Expectation,
    ExpectedError,
    Ok,
    RowOrder,
    SameAs,
    Scalar,
    Wildcard,
)
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.sql import Sql, SqlKind, Variable
from simdsl.syntax.expressions import cell_of, error_class, integer, issue_at, leaf
from simdsl.syntax.grammar import parse
from simdsl.syntax.problems import ParseError, ParseIssue, Problems
from simdsl.syntax.sql_lexer import may_return_rows

if TYPE_CHECKING:
    from simdsl.syntax.grammar import Branch, Leaf


OK: Final = Ok()
BLOCKS: Final = Blocks()


def parse_expectation(text: str) -> Expectation:
    """The alternatives in the order of the text. Raises ``ParseError`` with offsets into this text."""
    branch = parse("expectation", text)
    expectation = tuple(_alternative(child) for child in branch.children if not isinstance(child, str))
    _check_names(expectation, text)
    return expectation


def bound_names(alternative: Alternative) -> tuple[str, ...]:
    """The names that ``?x`` cells bind, each once, in the order of the text."""
    if not isinstance(alternative, (ExactRows, Contains, Excludes)):
        return ()
    return tuple(dict.fromkeys(cell.name for row in alternative.rows for cell in row if isinstance(cell, Binding)))


def read_names(expectation: Expectation) -> tuple[str, ...]:
    """The names of all ``$x`` in it, each once."""
    names: list[str] = []
    for alternative in expectation:
        match alternative:
            case ExactRows() | Contains() | Excludes():
                names += [cell.name for row in alternative.rows for cell in row if isinstance(cell, Variable)]
            case Count(n=Variable(name=name)):
                names.append(name)
            case Ok() | SameAs() | ExpectedError() | Blocks() | Count():
                pass
            case _:
                assert_never(alternative)
    return tuple(dict.fromkeys(names))


def _alternative(branch: Branch) -> Alternative:
    match branch.data:
        case "ok":
            return OK
        case "blocks":
            return BLOCKS
        case "empty":
            return _EMPTY
        case "count":
            return _count(branch)
        case "exact":
            return ExactRows(rows=_rows(branch), order=_order(branch))
        case "contains":
            return Contains(rows=_unbound(_rows(branch), branch))
        case "excludes":
            return Excludes(rows=_unbound(_rows(branch), branch))
        case "same_as":
            return SameAs(label=str(leaf(branch)), order=_order(branch))
        case _:
            return _error(branch)


def _count(branch: Branch) -> Count:
    amount = next(child for child in branch.children if not isinstance(child, str))
    token = leaf(amount)
    # A variable has a value only when the step runs; that it is an integer is checked then.
    if token.type == "VARIABLE":
        n: int | Variable = Variable(name=token[1:])
    elif token.isdecimal():
        n = integer(token)
    else:
        raise ParseError(issue_at(Code.G207, f"`{token}` is not a count", token, "a count is 0 or more"))
    first = leaf(branch) if isinstance(branch.children[0], str) else None
    comparison = ComparisonOperator(str(first)) if first is not None else ComparisonOperator.EQ
    return Count(what=_COUNTED[leaf(branch, -1)[0]], comparison=comparison, n=n)


def _rows(branch: Branch) -> tuple[CellRow, ...]:
    rows = branch.children[0]
    assert not isinstance(rows, str)
    found: list[CellRow] = []
    for row in rows.children:
        assert not isinstance(row, str)
        cells = tuple(cell_of(cell) for cell in row.children if not isinstance(cell, str))
        # The usual mistake is to write one row of two columns as `1, 2`.
        if found and len(cells) != len(found[0]):
            message = f"a row of {len(cells)} stands beside one of {len(found[0])}"
            start, end = _extent(row)
            raise ParseError(
                ParseIssue(code=Code.R014, message=message, start=start, end=end, help="`1, 2` is two rows, `(1, 2)` is one")
            )
        found.append(cells)
    return tuple(found)


def _unbound(rows: tuple[CellRow, ...], branch: Branch) -> tuple[CellRow, ...]:
    for token in branch.scan_values(lambda value: getattr(value, "type", "") == "BINDING"):
        raise ParseError(
            issue_at(Code.R018, f"`{token}` cannot be bound: several rows may meet it", token, "`_` meets anything")
        )
    return rows


def _order(branch: Branch) -> RowOrder | None:
    last = branch.children[-1]
    if isinstance(last, str) or last.data not in ("in_order", "in_any_order"):
        return None
    return RowOrder.IN_ORDER if last.data == "in_order" else RowOrder.ANY_ORDER


def _error(branch: Branch) -> ExpectedError:
    klass: ErrorClass | None = None
    sqlstate: str | None = None
    native: int | None = None
    regex: str | None = None
    for child in branch.children:
        if isinstance(child, str):
            regex = _regex(child)
        elif child.data == "error_class":
            klass = error_class(leaf(child))
        elif child.data == "sqlstate":
            sqlstate = str(leaf(child))
        else:
            native = integer(leaf(child, -1), negative=len(child.children) == 2)
    return ExpectedError(error_class=klass, sqlstate=sqlstate, native=native, regex=regex)


def _regex(token: Leaf) -> str:
    pattern = str(token[1:-1])
    try:
        # Compiled when the plan is loaded, so that a mistake is found without a database.
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ParseError(issue_at(Code.G205, f"not a regular expression: {error}", token)) from None
    return pattern


def _check_names(expectation: Expectation, text: str) -> None:
    """All alternatives but errors and ``blocks`` bind the same names, so that no step reads a name that may be unbound."""
    # Most expectations bind nothing, and comparing sets for each of 10,000 would show.
    if "?" not in text:
        return
    bound = [set(bound_names(one)) for one in expectation if not isinstance(one, (ExpectedError, Blocks))]
    if any(names != bound[0] for names in bound[1:]):
        raise ParseError(ParseIssue(code=Code.R118, message="the alternatives bind different names", end=len(text)))


def _extent(branch: Branch) -> tuple[int, int]:
    tokens = list(branch.scan_values(lambda value: isinstance(value, str)))
    if not tokens:  # a row of `_` alone keeps no token
        return 0, 0
    return tokens[0].start_pos or 0, tokens[-1].end_pos or 0


_EMPTY: Final = Count(what=CountUnit.ROWS, comparison=ComparisonOperator.EQ, n=0)
_COUNTED: Final = {"r": CountUnit.ROWS, "a": CountUnit.AFFECTED, "c": CountUnit.COLUMNS}
_FAST_INTEGER: Final = r"-?(?:0|[1-9][0-9]{0,17})"
_FAST_STRING: Final = r"'(?:[^'\\\x00-\x1f]|'')*'"
_FAST_CELL: Final = rf"(?:{_FAST_INTEGER}|{_FAST_STRING}|NULL|_)"
_FAST_ROW: Final = rf"(?:{_FAST_CELL}|\({_FAST_CELL}(?:, {_FAST_CELL})*\))"
_FAST_ROWS: Final = lazy_regex(rf"{_FAST_ROW}(?:, {_FAST_ROW})*")
_FAST_EACH_ROW: Final = lazy_regex(rf"\(({_FAST_CELL}(?:, {_FAST_CELL})*)\)|({_FAST_CELL})")
_FAST_EACH_CELL: Final = lazy_regex(_FAST_CELL)
_FAST_COUNT: Final = lazy_regex(r"(?:(>=|<=|>|<) )?(0|[1-9][0-9]{0,17}) (rows?|affected|columns?)")
_FAST_ERROR: Final = lazy_regex(r"error ([a-z_]+)")
_FAST_COUNTED: Final = {"r": CountUnit.ROWS, "a": CountUnit.AFFECTED, "c": CountUnit.COLUMNS}
_FAST_CLASSES: Final = {str(error_class): error_class for error_class in ErrorClass}


_FAST_WORDS: Final[dict[str, Expectation]] = {
    "ok": (Ok(),),
    "blocks": (Blocks(),),
    "empty": (Count(what=CountUnit.ROWS, comparison=ComparisonOperator.EQ, n=0),),
}


def fast_expectation(text: str) -> Expectation | None:
    """A word, a count, an error class, or rows of integers, texts, NULL and ``_``; None for anything else."""
    if text in _FAST_WORDS:
        return _FAST_WORDS[text]
    if match := _FAST_COUNT.fullmatch(text):
        sign, n, what = match.groups()
        return (Count(what=_FAST_COUNTED[what[0]], comparison=ComparisonOperator(sign or "="), n=int(n)),)
    if match := _FAST_ERROR.fullmatch(text):
        error_class = _FAST_CLASSES.get(match.group(1))
        return (ExpectedError(error_class=error_class),) if error_class else None
    return _fast_rows(text) if _FAST_ROWS.fullmatch(text) else None


def _fast_rows(text: str) -> Expectation | None:
    rows: tuple[CellRow, ...] = tuple(
        tuple(map(_fast_cell, _FAST_EACH_CELL.findall(many or one))) for many, one in _FAST_EACH_ROW.findall(text)
    )
    widths = {len(row) for row in rows}
    return (ExactRows(rows=rows),) if len(widths) == 1 else None


def _fast_cell(text: str) -> Cell:
    if text == "_":
        return Wildcard()
    if text == "NULL":
        return Scalar(value=None)
    return Scalar(value=text[1:-1].replace("''", "'") if text[0] == "'" else int(text))


def is_lint_free(sql: Sql, expect: Expectation) -> bool:
    """Whether nothing need be looked at: one alternative without names, of a kind that the statement always may have."""
    only = expect[0]
    if len(expect) > 1:
        return False
    if isinstance(only, ExactRows):
        if sql.kind is not SqlKind.QUERY:
            return False
        for row in only.rows:
            for cell in row:
                if cell.__class__ is not Scalar:
                    return False
        return True
    if isinstance(only, Count):
        return sql.kind is SqlKind.DML and only.what is CountUnit.AFFECTED and only.n.__class__ is int
    return isinstance(only, (Ok, ExpectedError))


def lint_statement(
    problems: Problems, sql: Sql, expect: Expectation, text: str, path: Path, *, sessions: bool = True
) -> None:
    """The expectation of a statement. ``sessions`` is false where nothing can be blocked."""
    for alternative in expect:
        for code, message, help_ in _complaints(sql, alternative, sessions):
            problems.add_issue(_behind_arrow(code, message, text, help_), path)


def lint_session(
    problems: Problems, verb: str, expect: Expectation, text: str, path: Path, *, sessions: bool = True
) -> None:
    """The expectation of ``checkout``, ``return`` or ``await``."""
    for alternative in expect:
        if isinstance(alternative, Blocks) and (verb == "return" or not sessions):
            code, message = (Code.R015, "a return never waits") if sessions else (Code.R030, _ONLY_IN_STEPS)
            problems.add_issue(_behind_arrow(code, message, text, None), path)
        elif isinstance(alternative, Blocks) and verb == "await":
            problems.add_issue(_behind_arrow(Code.R015, "`await` checks the outcome of the statement", text, None), path)
        elif verb != "await" and not isinstance(alternative, (Ok, ExpectedError, Blocks)):
            message = f"a {verb} gives a connection, not rows" if verb == "checkout" else "a return gives nothing"
            problems.add_issue(_behind_arrow(Code.R015, message, text, "`ok`, or an error"), path)


def _complaints(sql: Sql, alternative: Alternative, sessions: bool) -> Iterator[tuple[Code, str, str | None]]:
    kind = sql.kind
    if isinstance(alternative, Blocks):
        if not sessions:
            yield Code.R030, _ONLY_IN_STEPS, "in `tasks:` the expectation of a statement is compared with its final outcome"
        return
    if isinstance(alternative, Count) and alternative.what is CountUnit.AFFECTED:
        if kind in (SqlKind.QUERY, SqlKind.DDL, SqlKind.TRANSACTION):
            help_ = "did you mean `rows`?" if kind is SqlKind.QUERY else None
            yield Code.R015, f"{_NOUNS[kind]} affects no rows", help_
        return
    if isinstance(alternative, (ExactRows, Contains, Excludes, Count)):
        if kind in (SqlKind.DDL, SqlKind.TRANSACTION):
            yield Code.R015, f"{_NOUNS[kind]} gives no rows", "did you mean `ok`?"
        elif kind is SqlKind.DML and not may_return_rows(sql):
            yield Code.R015, "this statement gives no rows", "did you mean `3 affected`?"
    if isinstance(alternative, ExactRows) and len(alternative.rows) > 1 and bound_names(alternative):
        ordered = alternative.order is RowOrder.IN_ORDER or (alternative.order is None and sql.ordered)
        if not ordered:
            name = bound_names(alternative)[0]
            yield Code.R018, f"`?{name}` may meet several rows", "say `in order`, or expect one row"


def _behind_arrow(code: Code, message: str, text: str, help_: str | None) -> ParseIssue:
    """Point at the expectation, which is the last thing in its text."""
    arrow = text.rfind("=>")
    start = len(text) if arrow < 0 else arrow + 2
    start += len(text[start:]) - len(text[start:].lstrip())
    end = len(text.rstrip())
    return ParseIssue(code=code, message=message, start=start if start < end else 0, end=end, help=help_)


_NOUNS: Final = {
    SqlKind.QUERY: "a query",
    SqlKind.DDL: "DDL",
    SqlKind.TRANSACTION: "transaction control",
    SqlKind.DML: "this statement",
    SqlKind.OTHER: "this statement",
}


_ONLY_IN_STEPS: Final = "`blocks` belongs to `steps:`, where the order of steps is given"
