"""What an expectation can never be met by, as far as a statement's first keyword tells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from simdsl.plan.codes import Code
from simdsl.plan.expectations import (
    Alternative,
    Blocks,
    Contains,
    Count,
    CountUnit,
    ExactRows,
    Excludes,
    Expectation,
    ExpectedError,
    Ok,
    RowOrder,
    Scalar,
)
from simdsl.plan.source import Path
from simdsl.plan.sql import Sql, SqlKind
from simdsl.syntax.expectations import bound_names
from simdsl.syntax.problems import ParseIssue, Problems
from simdsl.syntax.sql_lexer import may_return_rows


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
    """The expectation of a statement. ``sessions`` is false where nothing can be parked."""
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
            problems.add_issue(_behind_arrow(Code.R015, "`await` judges what the statement came to", text, None), path)
        elif verb != "await" and not isinstance(alternative, (Ok, ExpectedError, Blocks)):
            message = f"a {verb} gives a connection, not rows" if verb == "checkout" else "a return gives nothing"
            problems.add_issue(_behind_arrow(Code.R015, message, text, "`ok`, or an error"), path)


def _complaints(sql: Sql, alternative: Alternative, sessions: bool) -> Iterator[tuple[Code, str, str | None]]:
    kind = sql.kind
    if isinstance(alternative, Blocks):
        if not sessions:
            yield Code.R030, _ONLY_IN_STEPS, "in `tasks:` a statement is judged on what it finally comes to"
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
