"""Queries that are wrong only where there is an index, and indexes that do not hold what their table holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from sqlglot import exp

from tests.mutation.bug import Bug, Kind, driver
from tests.mutation.rewriting import Node, Rewriting, also, condition, only_table, parsed
from tests.runs.faulty_sqlite import Faithful


class Index(NamedTuple):
    """What the engine says of an index. A column is None where an expression is indexed."""

    name: str
    unique: bool
    columns: tuple[str | None, ...]
    descending: bool  # its first column
    test: Node | None  # of a partial index


class Indexed(Rewriting):
    """Knows the indexes of the table that a query reads."""

    def rewrite(self, tree: Node) -> bool:
        changed = False
        for select in list(tree.find_all(exp.Select)):
            table = only_table(select)
            if table is not None:
                changed |= self.misuse_all(select, table)
        return changed

    def misuse_all(self, select: exp.Select, table: str) -> bool:
        """All indexes of the table, one after the other."""
        changed = False
        for index in list(self.indexes(table)):
            changed |= self.misuse(select, table, index)
        return changed

    def misuse(self, select: exp.Select, table: str, index: Index) -> bool:
        """Change a query of a table in place because of one of its indexes; say whether it was changed."""
        raise NotImplementedError

    def indexes(self, table: str) -> Iterator[Index]:
        ask = self.connection.execute
        for _, name, unique, _, is_partial in ask(f"PRAGMA index_list({table})").fetchall():
            entries = [entry for entry in ask(f"PRAGMA index_xinfo({name})").fetchall() if entry[5]]
            ((sql,),) = ask(f"SELECT sql FROM sqlite_schema WHERE name = '{name}'").fetchall()
            test = condition_of(sql) if is_partial else None
            yield Index(name, bool(unique), tuple(entry[2] for entry in entries), bool(entries[0][3]), test)


class TrustsAPartialIndex(Indexed):
    def misuse(self, select: exp.Select, table: str, index: Index) -> bool:
        test = condition(select)
        if test is None or index.test is None or not any(test.find_all(exp.Is, exp.NEQ)):
            return False
        also(select, exp.paren(index.test.copy()))
        return True


class ExcludesTheBound(Indexed):
    def misuse(self, select: exp.Select, table: str, index: Index) -> bool:
        test = condition(select)
        found = [] if test is None else list(test.find_all(exp.GTE, exp.LTE))
        found = [one for one in found if index.columns[0] in (one.this.name, one.expression.name)]
        for one in found:
            strict = exp.GT if isinstance(one, exp.GTE) else exp.LT
            one.replace(strict(this=one.this.copy(), expression=one.expression.copy()))
        return bool(found)


class DropsTheGroupOfNull(Indexed):
    def misuse(self, select: exp.Select, table: str, index: Index) -> bool:
        group = select.args.get("group")
        hit = group is not None and [one.name for one in group.expressions] == [index.columns[0]]
        if hit and index.test is None:
            also(select, f"{index.columns[0]} IS NOT NULL")
            return True
        return False


class KeepsDuplicatesOfAnIndex(Indexed):
    def misuse(self, select: exp.Select, table: str, index: Index) -> bool:
        if select.args.get("distinct") is None or index.unique:
            return False
        select.set("distinct", None)
        return True


class StopsEarlyAfterAnalyze(Rewriting):
    """With statistics the planner skips through an index, and stops before its last entry."""

    def rewrite(self, tree: Node) -> bool:
        ask = self.connection.execute
        if not ask("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'").fetchall():
            return False
        known = {table for (table,) in ask("SELECT tbl FROM sqlite_stat1").fetchall()}
        hit = [one for one in tree.find_all(exp.Select) if condition(one) is not None and only_table(one) in known]
        for select in hit:
            also(select, f"id < (SELECT max(id) FROM {only_table(select)})")
        return bool(hit)


class BuildsWithoutTheLastRow(Faithful):
    """The entries of a new index are those of a partial one; its definition says nothing of that."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        tree = parsed(sql) if sql.startswith("CREATE INDEX") else None
        if tree is None or tree.find(exp.Where) is not None:
            return super().execute(sql, parameters)
        name, table = _names(tree)
        ask = self.connection.execute
        ((last,),) = ask(f"SELECT coalesce(max(id), 0) FROM {table}").fetchall()
        done = super().execute(f"{sql} WHERE id <> {last}", parameters)
        ((version,),) = ask("PRAGMA schema_version").fetchall()
        ask("PRAGMA writable_schema = ON")
        ask("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (sql, name))
        ask(f"PRAGMA schema_version = {version + 1}")
        ask("PRAGMA writable_schema = RESET")
        return done


def condition_of(sql: str) -> Node | None:
    """The condition of a partial index."""
    where = parsed(sql).find(exp.Where)
    return where.this if where is not None else None


def _names(tree: Node) -> tuple[str, str]:
    """Of an index and its table."""
    table = tree.find(exp.Table)
    assert table is not None, "an index is on a table"
    return str(tree.this.name), str(table.name)


def _index(name: str, does: str, model: str, cursor: type[Faithful], expected: str) -> Bug:
    return Bug(name=name, does=does, model=model, make=driver(name, cursor), kind=Kind.INDEX, expected=expected)


BUGS: Final = (
    _index(
        "partial-index-trusted",
        "A query with `IS`, `IS NOT` or `<>` in its WHERE is answered from a partial index that lacks rows of it.",
        "a condition that is taken to imply that of a partial index (SQLite, found by PQS)",
        TrustsAPartialIndex,
        "index-independence",
    ),
    _index(
        "indexed-bound-excluded",
        "`<=` and `>=` are `<` and `>` for a column that is indexed.",
        "a seek that begins behind the bound",
        ExcludesTheBound,
        "plain-copy",
    ),
    _index(
        "indexed-group-of-null",
        "GROUP BY of a column that is indexed has no group for NULL.",
        "groups that are read from an index which is entered behind its NULLs",
        DropsTheGroupOfNull,
        "index-independence",
    ),
    _index(
        "indexed-distinct",
        "DISTINCT keeps duplicates of a table that has an index which is not unique.",
        "DISTINCT that is taken to be done by an index",
        KeepsDuplicatesOfAnIndex,
        "index-independence",
    ),
    _index(
        "analyze-stops-early",
        "After ANALYZE a query with a WHERE misses the row with the largest key.",
        "a skip-scan that returns too few rows",
        StopsEarlyAfterAnalyze,
        "index-independence",
    ),
    _index(
        "index-built-short",
        "CREATE INDEX makes an index that lacks the last row.",
        "an index that is built while its table is written",
        BuildsWithoutTheLastRow,
        "integrity",
    ),
)
