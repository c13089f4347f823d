"""Drivers that send another statement than they were given: what a wrong parser, planner or optimiser comes to.

A *rule* is a function from a node of the statement's tree to the node that takes its place, or None to leave it. Where no
rule says anything the text is sent as it came.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, ClassVar, TypeVar

import sqlglot
from sqlglot import exp

from tests.runs.faulty_sqlite import Faithful

Node = exp.Expr
N = TypeVar("N", bound=Node)

QUERIES = ("SELECT",)


class Rewriting(Faithful):
    """Changes the trees of statements that begin with one of ``words``."""

    words: ClassVar[tuple[str, ...]] = QUERIES

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if sql.startswith(self.words):
            tree = parsed(sql).copy()
            if self.rewrite(tree):
                sql = tree.sql(dialect="sqlite")
        return super().execute(sql, parameters)

    def rewrite(self, tree: Node) -> bool:
        """Change the tree in place; say whether anything was changed."""
        return True


def rewriting(kind: type[N], rule: Callable[[N], Node | None], *, words: tuple[str, ...] = QUERIES) -> type[Faithful]:
    """A driver with one rule for every node of a kind, the inner ones first."""

    class ByRule(Rewriting):
        def rewrite(self, tree: Node) -> bool:
            changed = False
            for node in reversed(list(tree.find_all(kind))):
                new = rule(node)
                if new is not None:
                    changed = True
                    if new is not node:
                        node.replace(new)
            return changed

    ByRule.words = words
    return ByRule


@lru_cache(maxsize=4096)
def parsed(sql: str) -> Node:
    """The tree of a statement, to be copied before it is changed."""
    tree: Node = sqlglot.parse_one(sql, read="sqlite")
    return tree


def bare(node: Node) -> Node:
    """A node without the parentheses around it."""
    return node.unnest()


def condition(node: Node) -> Node | None:
    """The condition of a SELECT, UPDATE or DELETE."""
    where = node.args.get("where")
    return where.this if where is not None else None


def also(node: N, more: str | Node) -> N:
    """The statement with a further condition, in place."""
    extra = sqlglot.parse_one(more, read="sqlite") if isinstance(more, str) else more
    now = condition(node)
    both = extra if now is None else exp.and_(now.copy(), extra, copy=False)
    node.set("where", exp.Where(this=both))
    return node


def only_table(select: exp.Select) -> str | None:
    """The name of the one table that a SELECT reads, None where it reads something else."""
    source = select.args.get("from_")
    if source is None or select.args.get("joins") or not isinstance(source.this, exp.Table):
        return None
    return str(source.this.name)
