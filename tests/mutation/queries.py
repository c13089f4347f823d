"""Bugs of queries: what of a result is kept, joined, grouped, sorted and counted."""

from __future__ import annotations

import re
from typing import Any, Final

from tests.mutation.bug import Bug, Kind, driver, fault
from tests.properties.planted import IgnoresLimit, StartsLate
from tests.runs.faulty_sqlite import Faithful


class OffsetEatsTheLimit(Faithful):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        found = re.search(r" LIMIT (\d+) OFFSET (\d+)$", sql)
        if found and sql.startswith("SELECT"):
            rest = max(0, int(found[1]) - int(found[2]))
            sql = f"{sql[: found.start()]} LIMIT {rest} OFFSET {found[2]}"
        return super().execute(sql, parameters)


class TopOfTheWrongEnd(Faithful):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return super().execute(sql.replace(" DESC", "") if " LIMIT " in sql else sql, parameters)


class KeepsDuplicates(Faithful):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        is_plain = sql.startswith("SELECT DISTINCT ") and " WHERE " not in sql
        return super().execute(sql.replace("SELECT DISTINCT ", "SELECT ", 1) if is_plain else sql, parameters)


class UnionAllIsUnion(Faithful):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return super().execute(sql.replace(" UNION ALL ", " UNION "), parameters)


class CountsDuplicates(Faithful):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return super().execute(re.sub(r"(?i)^(SELECT count\(\*\) FROM \(SELECT )DISTINCT ", r"\1", sql), parameters)


class CountsWhatIsSkipped(Faithful):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if sql.lower().startswith("select count(*) from ("):
            sql = re.sub(r" OFFSET \d+\)", ")", sql)
        return super().execute(sql, parameters)


class LeftJoinIsInner(Faithful):
    """Only with a condition, as if that could not be true for NULL."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if sql.startswith("SELECT") and ") WHERE (" in sql:
            sql = sql.replace(" LEFT JOIN ", " JOIN ")
        return super().execute(sql, parameters)


class ConditionOfTheJoin(Faithful):
    """WHERE behind a LEFT JOIN is taken for a part of ON."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if sql.startswith("SELECT") and sql.count(" WHERE ") == 1 and " LEFT JOIN " in sql:
            sql = sql.replace(") WHERE (", ") AND (")
        return super().execute(sql, parameters)


class LosesTheGroupOfNull(Faithful):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        head, groups, column = sql.rpartition(" GROUP BY ")
        if groups and " WHERE " not in head and re.fullmatch(r"[\w.]+", column):
            sql = f"{sql} HAVING {column} IS NOT NULL"
        return super().execute(sql, parameters)


class IgnoresHaving(Faithful):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return super().execute(sql.partition(" HAVING ")[0] if sql.startswith("SELECT") else sql, parameters)


class _Greatest:
    """The first value is the greatest so far, even if it is NULL, and nothing is greater than NULL."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def step(self, value: Any) -> None:
        self.values.append(value)

    def finalize(self) -> Any:
        if self.values[0:1] == [None]:
            return None
        known = [value for value in self.values if value is not None]
        return max(known, key=lambda value: (isinstance(value, str), isinstance(value, bytes), value), default=None)


class GreatestBeginsWithNull(Faithful):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.connection.create_aggregate("max", 1, _Greatest)


class LeastIsTheFirst(Faithful):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        sql = re.sub(r"(?i)\(SELECT min\((\w+)\) FROM (\w+)\)", r"(SELECT \1 FROM \2 ORDER BY \1 LIMIT 1)", sql)
        return super().execute(sql, parameters)


class SubqueryIsText(Faithful):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return super().execute(re.sub(r"\(SELECT (-?[\d.]+)\)", r"(SELECT CAST(\1 AS TEXT))", sql), parameters)


BUGS: Final = (
    Bug(
        name="ignored-limit",
        kind=Kind.QUERY,
        does="LIMIT is ignored, with its OFFSET.",
        model="a clause that a query builder drops",
        expected="select-limit",
        make=driver("ignored-limit", IgnoresLimit),
    ),
    Bug(
        name="late-offset",
        kind=Kind.QUERY,
        does="OFFSET skips one row too many.",
        model="counting from 1 and from 0",
        expected="select-limit",
        make=driver("late-offset", StartsLate),
    ),
    Bug(
        name="offset-eats-limit",
        kind=Kind.QUERY,
        does="The rows that OFFSET skips are counted among those that LIMIT allows.",
        model="a limit that is pushed below its offset",
        expected="select-limit",
        make=driver("offset-eats-limit", OffsetEatsTheLimit),
    ),
    Bug(
        name="top-of-the-wrong-end",
        kind=Kind.QUERY,
        does="With LIMIT, a descending order is taken for an ascending one.",
        model="a top-N sort with its own comparison",
        expected="select-limit",
        make=driver("top-of-the-wrong-end", TopOfTheWrongEnd),
    ),
    Bug(
        name="reversed-order",
        kind=Kind.QUERY,
        does="A result with ORDER BY comes in reverse.",
        model="an index that is scanned from the other end",
        expected="select-limit",
        make=fault("mis_sorts"),
    ),
    Bug(
        name="lost-last-row",
        kind=Kind.QUERY,
        does="Of two rows or more the last one is not fetched.",
        model="a fetch loop that ends one too early",
        expected="table-has-expected-content",
        make=fault("drops_a_row"),
    ),
    Bug(
        name="row-twice",
        kind=Kind.QUERY,
        does="Of two rows or more the first one comes again at the end.",
        model="a page that overlaps the next",
        expected="table-has-expected-content",
        make=fault("duplicates_a_row"),
    ),
    Bug(
        name="distinct-keeps-duplicates",
        kind=Kind.QUERY,
        does="DISTINCT keeps duplicates where there is no condition.",
        model="DISTINCT that is left out because of a key that is not there",
        expected="where-true-false-null",
        make=driver("distinct-keeps-duplicates", KeepsDuplicates),
    ),
    Bug(
        name="union-all-drops-duplicates",
        kind=Kind.QUERY,
        does="UNION ALL drops duplicates, as UNION does.",
        model="one operator for both",
        expected="union-all-preserves-cardinality",
        make=driver("union-all-drops-duplicates", UnionAllIsUnion),
    ),
    Bug(
        name="count-ignores-distinct",
        kind=Kind.QUERY,
        does="count(*) of a query with DISTINCT counts duplicates.",
        model="a count that is pushed below a DISTINCT",
        expected="count-agreement",
        make=driver("count-ignores-distinct", CountsDuplicates),
    ),
    Bug(
        name="count-ignores-offset",
        kind=Kind.QUERY,
        does="count(*) of a query with OFFSET counts what is skipped.",
        model="a count that is pushed below an OFFSET",
        expected="count-agreement",
        make=driver("count-ignores-offset", CountsWhatIsSkipped),
    ),
    Bug(
        name="left-join-is-inner",
        kind=Kind.QUERY,
        does="A LEFT JOIN whose result is filtered is done as an inner join.",
        model="outer joins that are simplified though the condition may be true for NULL",
        expected="select-select-optimizer",
        make=driver("left-join-is-inner", LeftJoinIsInner),
    ),
    Bug(
        name="where-becomes-on",
        kind=Kind.QUERY,
        does="The condition behind a LEFT JOIN becomes a part of the join's own.",
        model="a condition that is pushed down too far",
        expected="select-select-optimizer",
        make=driver("where-becomes-on", ConditionOfTheJoin),
    ),
    Bug(
        name="lost-group-of-null",
        kind=Kind.QUERY,
        does="GROUP BY of a whole table has no group for NULL.",
        model="groups by an index that is entered behind its NULLs",
        expected="where-true-false-null",
        make=driver("lost-group-of-null", LosesTheGroupOfNull),
    ),
    Bug(
        name="ignored-having",
        kind=Kind.QUERY,
        does="HAVING is ignored.",
        model="a clause that a rewrite drops",
        expected="where-true-false-null",
        make=driver("ignored-having", IgnoresHaving),
    ),
    Bug(
        name="greatest-begins-with-null",
        kind=Kind.QUERY,
        does="max() is NULL if the first value is NULL.",
        model="an aggregate that begins with its first row",
        expected="where-true-false-null",
        make=driver("greatest-begins-with-null", GreatestBeginsWithNull),
    ),
    Bug(
        name="least-is-null",
        kind=Kind.QUERY,
        does="min() as a subquery gives NULL where a value is NULL.",
        model="min() as the first entry of an index",
        expected="constant-to-subquery",
        make=driver("least-is-null", LeastIsTheFirst),
    ),
    Bug(
        name="subquery-is-text",
        kind=Kind.QUERY,
        does="A number that a subquery without FROM gives is a text.",
        model="a type that is lost when a subquery is computed ahead",
        expected="constant-to-subquery",
        make=driver("subquery-is-text", SubqueryIsText),
    ),
)
