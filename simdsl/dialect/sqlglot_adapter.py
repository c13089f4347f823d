"""The only module that imports sqlglot.

Importing it costs more than a small plan takes to run, so it is imported only when a statement has to be translated.
sqlglot's logger is silenced during each call: the modules of this package refuse what sqlglot would only warn about.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect as Engine
from sqlglot.errors import ErrorLevel, SqlglotError

from simdsl.plan.sql import Dialect

__all__ = [
    "SqlGenerationError",
    "SqlParseError",
    "SqlTree",
    "canonical_text",
    "disable_generator_rewrites",
    "exp",
    "generate_sql",
    "parse_tree",
    "token_spans",
]


SqlTree = exp.Expr
"""Any node of a syntax tree."""


_LOGGER: Final = logging.getLogger("sqlglot")


# By class name: a flag that sqlglot's generator reads, and the value with which the generator adds nothing.
_FLAGS: Final[dict[str, dict[str, bool]]] = {
    "Div": {"safe": False},  # NULLIF around the divisor
    "Mod": {"safe": False},  # the same, since sqlglot 30.31
    "Greatest": {"ignore_nulls": True},  # CASE WHEN ... IS NULL around the call
    "Least": {"ignore_nulls": True},
}


class SqlParseError(Exception):
    """sqlglot cannot parse a statement."""


class SqlGenerationError(Exception):
    """sqlglot cannot express something in a dialect. The message is sqlglot's."""


def parse_tree(text: str, dialect: Dialect) -> SqlTree:
    """Parse one statement.

    Raises ``SqlParseError``, also for several statements and for those that sqlglot keeps as unparsed text.
    """
    with _quietly():
        try:
            trees = Engine.get_or_raise(dialect.value).parse(text)
        except (SqlglotError, RecursionError) as error:
            raise SqlParseError(str(error)) from error
    # A Command is a statement of which sqlglot read only the first word.
    if len(trees) != 1 or trees[0] is None or trees[0].find(exp.Command) is not None:
        raise SqlParseError(text)
    return trees[0]


def generate_sql(tree: SqlTree, dialect: Dialect) -> str:
    """The SQL of a tree in a dialect, without comments. Raises ``SqlGenerationError``."""
    with _quietly():
        try:
            return Engine.get_or_raise(dialect.value).generate(tree, unsupported_level=ErrorLevel.RAISE, comments=False)
        except (SqlglotError, RecursionError, ValueError) as error:
            raise SqlGenerationError(str(error)) from error


def disable_generator_rewrites(node: SqlTree) -> None:
    """Keep sqlglot's generator from rewriting a node that simdsl rewrites itself.

    sqlglot's parsers flag a node whose meaning depends on the dialect, and its generators act on the flag. With both
    rewrites, `a % b` became `a % NULLIF(NULLIF(b, 0), 0)` when sqlglot 30.31 began to set the flag of `%`.
    """
    for name, value in _FLAGS.get(type(node).__name__, {}).items():
        node.set(name, value)


def canonical_text(tree: SqlTree) -> str:
    """A text that identifies a tree: equal trees have equal texts. It is not meant for an engine."""
    with _quietly():
        # The SQLite generator changes least; sqlglot's default dialect cannot express an empty blob.
        return Engine.get_or_raise(Dialect.SQLITE.value).generate(tree, unsupported_level=ErrorLevel.IGNORE)


def token_spans(text: str, dialect: Dialect) -> list[tuple[int, int, str]]:
    """Start, end and text of each token: offsets into ``text``, the end exclusive. Raises ``SqlParseError``."""
    try:
        tokens = Engine.get_or_raise(dialect.value).tokenize(text)
    except SqlglotError as error:
        raise SqlParseError(str(error)) from error
    return [(token.start, token.end + 1, token.text) for token in tokens]


@contextmanager
def _quietly() -> Iterator[None]:
    # Restored afterwards, because an application may use sqlglot beside simdsl.
    was = _LOGGER.disabled
    _LOGGER.disabled = True
    try:
        yield
    finally:
        _LOGGER.disabled = was
