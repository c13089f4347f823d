"""The only door to sqlglot: everything of it that simdsl uses goes through here, and nobody imports this without need.

Its logger is silent while it works: what it warns about is refused by the modules that use this door.
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
"""Any node of a tree."""


_LOGGER: Final = logging.getLogger("sqlglot")


# By the name of the class: a flag of its writer, and the value with which the writer adds nothing.
_FLAGS: Final[dict[str, dict[str, bool]]] = {
    "Div": {"safe": False},  # NULLIF around the divisor
    "Mod": {"safe": False},  # the same, since sqlglot 30.31
    "Greatest": {"ignore_nulls": True},  # CASE WHEN ... IS NULL around the call
    "Least": {"ignore_nulls": True},
}


class SqlParseError(Exception):
    """sqlglot does not understand a statement."""


class SqlGenerationError(Exception):
    """sqlglot says that a dialect has no way to write something. The message is its own."""


def parse_tree(text: str, dialect: Dialect) -> SqlTree:
    """One statement as a tree. Raises ``SqlParseError``, also where sqlglot would only carry the text along."""
    with _quietly():
        try:
            trees = Engine.get_or_raise(dialect.value).parse(text)
        except (SqlglotError, RecursionError) as error:
            raise SqlParseError(str(error)) from error
    if len(trees) != 1 or trees[0] is None or trees[0].find(exp.Command) is not None:
        raise SqlParseError(text)
    return trees[0]


def generate_sql(tree: SqlTree, dialect: Dialect) -> str:
    """A tree as text; comments are left out. Raises ``SqlGenerationError``."""
    with _quietly():
        try:
            return Engine.get_or_raise(dialect.value).generate(tree, unsupported_level=ErrorLevel.RAISE, comments=False)
        except (SqlglotError, RecursionError, ValueError) as error:
            raise SqlGenerationError(str(error)) from error


def disable_generator_rewrites(node: SqlTree) -> None:
    """Switch off what sqlglot would add to a node while it writes it, because simdsl's own rewrite does that.

    sqlglot's parsers leave a flag at a node whose meaning hangs on the dialect, and its writers act on the flag. Both would
    then be done: `a % b` came out as `a % NULLIF(NULLIF(b, 0), 0)` when sqlglot 30.31 began to set the flag of `%`.
    """
    for name, value in _FLAGS.get(type(node).__name__, {}).items():
        node.set(name, value)


def canonical_text(tree: SqlTree) -> str:
    """Some text for a tree, of whatever dialect: trees that say the same have the same one. It is not for an engine."""
    with _quietly():
        # Of the dialects this one leaves most as it is. sqlglot's own has no way to write an empty blob.
        return Engine.get_or_raise(Dialect.SQLITE.value).generate(tree, unsupported_level=ErrorLevel.IGNORE)


def token_spans(text: str, dialect: Dialect) -> list[tuple[int, int, str]]:
    """Where each token of a text begins and ends, and what it is. Raises ``SqlParseError``."""
    try:
        tokens = Engine.get_or_raise(dialect.value).tokenize(text)
    except SqlglotError as error:
        raise SqlParseError(str(error)) from error
    return [(token.start, token.end + 1, token.text) for token in tokens]


@contextmanager
def _quietly() -> Iterator[None]:
    was = _LOGGER.disabled
    _LOGGER.disabled = True
    try:
        yield
    finally:
        _LOGGER.disabled = was
