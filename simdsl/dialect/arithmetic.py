"""Arithmetic: division, remainders, rounding, casts, and aggregates whose result type depends on the engine.

Every rewrite here keeps the meaning of the dialect in which the statement was written. A rewrite first checks whether its
result is in place already, because the author of a plan, another rewrite, or sqlglot may have put it there.
"""

from __future__ import annotations

from typing import Final

from simdsl.dialect.sqlglot_adapter import SqlTree, disable_generator_rewrites, exp
from simdsl.dialect.type_inference import (
    ARITHMETIC,
    BITWISE,
    COMPARISONS,
    NUMERIC,
    ValueType,
    is_assignment,
    is_mixed,
    is_whole,
    is_zero,
    parenthesized,
    strip_parens,
    value_type,
)
from simdsl.dialect.unsupported import DialectPair, Unsupported
from simdsl.plan.sql import Dialect


def rewrite_arithmetic(tree: SqlTree, route: DialectPair) -> None:
    """Rewrite the numbers of a statement so that the target computes the values of the source dialect.

    Raises ``Unsupported`` for arithmetic whose result would depend on types that only the engine knows.
    """
    # From the leaves up, so that a cast is rewritten before the division that looks at its type.
    for node in reversed(list(tree.walk())):
        match node:
            case exp.Div():
                _divide(node, route)
            case exp.Mod():
                _remainder(node, route)
            case exp.Cast():
                _cast(node, route)
            case exp.Round():
                _round(node, route)
            # POWER of SQL Server has the type of its base: POWER(2, -1) is 0.
            case exp.Pow() if route.target is Dialect.TSQL:
                node.set("this", cast_once(node.this, "FLOAT"))
            case exp.Ceil() | exp.Floor() if value_type(node.this) is ValueType.INTEGER:
                # The ceiling of an integer is that integer in SQLite, and a real in PostgreSQL.
                whole = parenthesized(node.this)
                real = cast_once(node.this, _real(route.target))
                node.replace(whole if route.source is Dialect.SQLITE else real)
            case exp.Sign():
                _sign(node, route)
            case exp.Avg():
                _average(node, route)
            case exp.Anonymous() if node.name.lower() == "total":
                _total(node, route)
            case exp.Greatest() | exp.Least():
                _extreme(node, route)
            case _ if isinstance(node, COMPARISONS):
                _compare(node, route)
        if isinstance(node, (*ARITHMETIC, *BITWISE, exp.DPipe, *_TESTS)) and not is_assignment(node):
            _group(node)
        if isinstance(node, (*ARITHMETIC, *BITWISE)):
            _operands(node, route)


def _divide(node: exp.Div, route: DialectPair) -> None:
    left, right = value_type(node.this), value_type(node.expression)
    # A CASE with an integer and a real arm divides as an integer or a real, row by row, only in SQLite.
    if route.source is Dialect.SQLITE and (is_mixed(node.this) or is_mixed(node.expression)):
        raise Unsupported("a division of what may be an integer or a real", "cast it to INTEGER or REAL")
    disable_generator_rewrites(node)
    # `/` of DuckDB and MySQL always divides as reals, so that their `//` and DIV are needed for two integers.
    if route.target in (Dialect.DUCKDB, Dialect.MYSQL) and ValueType.REAL not in (left, right):
        if (left, right) != (ValueType.INTEGER, ValueType.INTEGER):
            raise Unsupported("a division whose operands may be integers", "write CAST(x AS INTEGER) / CAST(y AS INTEGER)")
        _guard(node, route)
        node.replace(exp.IntDiv(this=node.this.copy(), expression=node.expression.copy()))
        return
    _guard(node, route)


def _remainder(node: exp.Mod, route: DialectPair) -> None:
    disable_generator_rewrites(node)
    sides = (node.this, node.expression)
    if Dialect.SQLITE in (route.source, route.target) and any(_has_decimals(side) for side in sides):
        raise Unsupported("% of numbers that are no integers", "cast both sides to INTEGER")
    if route.source is Dialect.SQLITE and route.target is Dialect.DUCKDB:
        for side in sides:
            # SQLite cuts both sides of % to integers; DuckDB computes the remainder of reals.
            if value_type(side) is not ValueType.INTEGER:
                cut = exp.Anonymous(this="TRUNC", expressions=[side.copy()])
                side.replace(exp.Cast(this=cut, to=raw_type("BIGINT")))
    _guard(node, route)


def _has_decimals(node: SqlTree) -> bool:
    """Whether a value is a real, or is calculated from a number with a point, so that it may be one."""
    kind = value_type(node)
    return kind is ValueType.REAL or (
        kind is not ValueType.INTEGER and any(value_type(one) is ValueType.REAL for one in node.find_all(exp.Literal))
    )


def _guard(node: SqlTree, route: DialectPair) -> None:
    """Put NULLIF around a divisor that may be zero: SQLite's quotient is then NULL, and other engines raise an error.

    Neither a literal other than zero nor a divisor that is guarded already gets a NULLIF.
    """
    if route.source is not Dialect.SQLITE or route.target is Dialect.MYSQL:
        return
    divisor = strip_parens(node.expression)
    plain = strip_parens(divisor.this) if isinstance(divisor, exp.Neg) else divisor
    if isinstance(plain, exp.Literal) and not plain.is_string and not is_zero(plain):
        return
    excluded = strip_parens(divisor.expression) if isinstance(divisor, exp.Nullif) else None
    if isinstance(excluded, exp.Literal) and not excluded.is_string and is_zero(excluded):
        return
    node.set("expression", exp.Nullif(this=divisor.copy(), expression=exp.Literal.number(0)))


def _operands(node: SqlTree, route: DialectPair) -> None:
    """Refuse arithmetic with strings, except for one literal that every remaining engine converts in the same way."""
    texts = [side for side in (node.this, node.expression) if value_type(side) is ValueType.TEXT]
    is_plain = all(isinstance(strip_parens(side), exp.Literal) for side in texts)
    if texts and (len(texts) == 2 or not is_plain or route.target in (Dialect.TSQL, Dialect.DUCKDB)):
        raise Unsupported("arithmetic with a text", "write a number, or cast the text")


def _compare(node: SqlTree, route: DialectPair) -> None:
    """Refuse the comparison of a number with a string literal.

    ``1 = '1'`` is false in SQLite, where only a column's affinity converts the other side, and true elsewhere.
    """
    if Dialect.SQLITE not in (route.source, route.target) or is_assignment(node):
        return
    for one, other in ((node.this, node.expression), (node.expression, node.this)):
        literal = strip_parens(other)
        if isinstance(literal, exp.Literal) and literal.is_string and value_type(one) in NUMERIC:
            raise Unsupported("a comparison of a number with a text", "write both as numbers or both as texts")


def _group(node: SqlTree) -> None:
    """Put brackets around operands wherever the dialects disagree about the precedence of the two operators."""
    for key in ("this", "expression"):
        side = node.args.get(key)
        if isinstance(node, _TESTS):
            apart = isinstance(side, (exp.Not, *_TESTS))
        elif isinstance(node, exp.DPipe) and isinstance(side, exp.DPipe):
            apart = key == "expression"
        else:
            apart = isinstance(side, (*BITWISE, exp.DPipe)) or (
                isinstance(node, (*BITWISE, exp.DPipe)) and isinstance(side, (*ARITHMETIC, exp.Collate))
            )
        if apart and side is not None:
            side.replace(exp.Paren(this=side.copy()))


def _cast(node: exp.Cast, route: DialectPair) -> None:
    kind, value = node.to.this, strip_parens(node.this)
    if route.source is Dialect.SQLITE:
        _cast_from_sqlite(node, kind, value, route)
    elif route.target is Dialect.SQLITE:
        _cast_to_sqlite(node, kind, value)
    else:
        _cast_between(node, kind, value, route.target)
    # The inner of two nested casts keeps its type: what it means is decided together with the outer one.
    if not isinstance(node.parent, exp.Cast) and kind in _TYPES.get(route.target, {}):
        node.set("to", raw_type(_TYPES[route.target][kind]))


def _cast_from_sqlite(node: exp.Cast, kind: exp.DType, value: SqlTree, route: DialectPair) -> None:
    if kind not in (*_INTEGERS, *_REALS, *_TEXTS, exp.DType.DECIMAL):
        raise Unsupported(f"CAST(... AS {node.to.sql('sqlite')})", "SQLite casts to INTEGER, REAL, TEXT and NUMERIC")
    if isinstance(value, exp.Literal) and value.is_string and kind not in _TEXTS and not _is_number(value.name):
        raise Unsupported("a CAST of a text that is no number to a number")
    if value_type(value) is ValueType.BOOLEAN and kind not in _INTEGERS:
        _counted(value, route)
    if kind in _TEXTS:
        if value_type(value) is ValueType.REAL or is_mixed(value):
            raise Unsupported("a CAST of a real to text, which each engine writes in its own way")
        node.set("to", exp.DataType.build("text"))
    elif kind is exp.DType.DECIMAL:
        if route.target in (Dialect.TSQL, Dialect.DUCKDB, Dialect.MYSQL):
            raise Unsupported("CAST(... AS NUMERIC)", "cast to INTEGER or REAL")
        node.set("to", raw_type("NUMERIC"))
    elif kind in _INTEGERS and value_type(value) not in (ValueType.INTEGER, ValueType.BOOLEAN):
        _truncate(node, route)


def _counted(predicate: SqlTree, route: DialectPair) -> None:
    """Cast a predicate to INTEGER, unless the target treats it as 1 or 0 anyway."""
    if route.target not in (Dialect.TSQL, Dialect.MYSQL):
        predicate.replace(cast_once(predicate, "INTEGER"))


def _truncate(node: exp.Cast, route: DialectPair) -> None:
    """Truncate before a cast to an integer: SQLite and SQL Server cut off the fraction, other engines round."""
    if route.target is Dialect.TSQL:
        return
    if route.target is Dialect.MYSQL:
        raise Unsupported("CAST(... AS INTEGER) of what may be no integer")
    exact = "NUMERIC" if route.target is Dialect.POSTGRES else "DOUBLE"
    value = node.this.copy() if is_number_literal(node.this) else cast_once(node.this, exact)
    node.set("this", exp.Anonymous(this="TRUNC", expressions=[value]))


def is_number_literal(node: SqlTree) -> bool:
    """Whether a node is a number literal, possibly in brackets."""
    node = strip_parens(node)
    return isinstance(node, exp.Literal) and not node.is_string


def _cast_to_sqlite(node: exp.Cast, kind: exp.DType, value: SqlTree) -> None:
    found = value_type(value)
    said = node.to.sql("postgres")
    if kind in _INTEGERS:
        # PostgreSQL rounds where SQLite truncates, and it refuses strings that SQLite reads as 0.
        if is_number_literal(value) and not is_whole(value):
            node.set("this", exp.Round(this=value.copy()))
        elif found is not ValueType.INTEGER and not (isinstance(value, exp.Literal) and _is_whole_text(value.name)):
            raise Unsupported(f"a cast to {said}", "SQLite rounds nothing and refuses no text: leave the cast out")
        node.set("to", raw_type("INTEGER"))
    elif kind in _TEXTS and not node.to.expressions:
        if found in (ValueType.BOOLEAN, ValueType.REAL, ValueType.NUMBER) or is_mixed(value):
            raise Unsupported(f"a cast of a {found.name.lower()} to {said}, which each engine writes in its own way")
        node.set("to", raw_type("TEXT"))
    elif kind in _REALS and found in NUMERIC:
        node.set("to", raw_type("REAL"))
    elif kind is exp.DType.VARBINARY and isinstance(value, exp.Literal) and value.name.startswith("\\x"):
        node.replace(exp.HexString(this=value.name[2:]))
    else:
        raise Unsupported(f"a cast to {said}", "SQLite has no such type, and refuses no text")


def _cast_between(node: exp.Cast, kind: exp.DType, value: SqlTree, target: Dialect) -> None:
    if kind not in (*_INTEGERS, *_TEXTS, exp.DType.DATE, exp.DType.DOUBLE, exp.DType.BOOLEAN) or node.to.expressions:
        raise Unsupported(f"a cast to {node.to.sql('postgres')}")
    is_whole_text = isinstance(value, exp.Literal) and _is_whole_text(value.name)
    if (
        kind in _INTEGERS
        and value_type(value) is not ValueType.INTEGER
        and not is_whole_text
        and target is not Dialect.DUCKDB
    ):
        raise Unsupported(
            f"a cast to {node.to.sql('postgres')} of what may be no integer"
        )  # SQL Server and MySQL truncate here, PostgreSQL rounds
    found = value_type(value)
    if kind in _TEXTS and (found in (ValueType.REAL, ValueType.NUMBER) or is_mixed(value)):
        raise Unsupported(f"a cast of a real to {node.to.sql('postgres')}, which each engine writes in its own way")
    if kind in _TEXTS and found is ValueType.BOOLEAN and target is not Dialect.DUCKDB:
        raise Unsupported(f"a cast of a boolean to {node.to.sql('postgres')}")


def _round(node: exp.Round, route: DialectPair) -> None:
    """Keep SQLite's rounding: half away from zero, with a real as the result.

    PostgreSQL rounds decimals in that way, and reals half to even.
    """
    value = strip_parens(node.this)
    number = strip_parens(value.this) if isinstance(value, exp.Neg) else value
    if value_type(value) is ValueType.TEXT:
        raise Unsupported("ROUND() of a text")
    if route.source is Dialect.POSTGRES and node.args.get("decimals") is None and not is_number_literal(number):
        raise Unsupported("ROUND() of what may be a real, which PostgreSQL rounds to even", "write ROUND(x, 0)")
    if route.target is Dialect.TSQL:
        # ROUND needs its second argument, and overflows on a DECIMAL: 9.5 has no room for the 10.
        node.set("this", cast_once(node.this, "FLOAT"))
        node.set("decimals", node.args.get("decimals") or exp.Literal.number(0))
    elif route.source is Dialect.SQLITE:
        if value_type(value) is ValueType.BOOLEAN:
            _counted(value, route)
        if route.target is Dialect.POSTGRES and not is_number_literal(value):
            node.set("this", cast_once(node.this, "NUMERIC"))
        if not isinstance(node.parent, exp.Cast):
            node.replace(cast_once(node, _real(route.target)))


def _sign(node: exp.Sign, route: DialectPair) -> None:
    """SIGN is an integer in SQLite and a real in PostgreSQL."""
    if route.source is not Dialect.SQLITE:
        raise Unsupported("SIGN()", "write CASE")
    if value_type(node.this) is ValueType.BOOLEAN:
        _counted(node.this, route)
    if route.target is not Dialect.MYSQL:
        node.replace(cast_once(node, "INT" if route.target is Dialect.TSQL else "INTEGER"))


def _average(node: exp.Avg, route: DialectPair) -> None:
    """Average reals: SQLite's AVG is always a real, and SQL Server's AVG of integers is an integer."""
    if route.target is Dialect.SQLITE or (route.target is Dialect.DUCKDB and route.source is Dialect.POSTGRES):
        return
    real = _real(route.target)
    distinct = node.this if isinstance(node.this, exp.Distinct) else None
    holder, value = (distinct, distinct.expressions[0]) if distinct is not None else (node, node.this)
    if value_type(value) is ValueType.BOOLEAN:
        _counted(value, route)
        value = node.this if distinct is None else distinct.expressions[0]
    cast = cast_once(value, real)
    if holder is distinct:
        distinct.set("expressions", [cast])
    else:
        node.set("this", cast)


# TOTAL is SQLite's own: like SUM, but 0.0 where there are no rows.
def _total(node: exp.Anonymous, route: DialectPair) -> None:
    if isinstance(node.parent, exp.Filter):
        raise Unsupported("TOTAL() with FILTER", "write COALESCE(SUM(...) FILTER (...), 0.0)")
    sums = cast_once(exp.Sum(this=node.expressions[0].copy()), _real(route.target))
    node.replace(exp.Coalesce(this=sums, expressions=[exp.Literal.number(0)]))


def _real(target: Dialect) -> str:
    """The target's name for a real of 64 bits."""
    return {Dialect.POSTGRES: "DOUBLE PRECISION", Dialect.TSQL: "FLOAT", Dialect.SQLITE: "REAL"}.get(target, "DOUBLE")


def _extreme(node: exp.Greatest | exp.Least, route: DialectPair) -> None:
    """Keep the NULL of SQLite's MAX and MIN with several arguments.

    They are NULL if any argument is. GREATEST and LEAST skip NULL, except in MySQL.
    """
    if route.source is not Dialect.SQLITE or route.target is Dialect.MYSQL:
        return
    disable_generator_rewrites(node)
    for value in (node.this, *node.expressions):
        if value_type(value) is ValueType.BOOLEAN:
            _counted(value, route)
    values = [node.this, *node.expressions]
    # Strings would be compared by the collation of the server.
    if any(value_type(value) is ValueType.TEXT for value in values):
        raise Unsupported("MAX() or MIN() of several texts")
    tests: list[SqlTree] = [
        exp.Is(this=value.copy(), expression=exp.Null())
        for value in values
        if not isinstance(strip_parens(value), exp.Literal)
    ]
    if not tests:
        return
    test = tests[0]
    for one in tests[1:]:
        test = exp.Or(this=test, expression=one)
    node.replace(exp.Case(ifs=[exp.If(this=test, true=exp.Null())], default=node.copy()))


def cast_once(value: SqlTree, name: str) -> SqlTree:
    """A copy of a value, cast to the type that the target writes as ``name``.

    A value that is cast to this type already is copied as it is: no rewrite is applied twice.
    """
    plain = strip_parens(value)
    if isinstance(plain, exp.Cast) and plain.to.args.get("kind") == name:
        return value.copy()
    return exp.Cast(this=value.copy(), to=raw_type(name))


def raw_type(text: str) -> exp.DataType:
    """A type that sqlglot writes exactly as ``text``, whatever it knows about the target's types."""
    return exp.DataType(this=exp.DType.USERDEFINED, kind=text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    # float() also reads "inf", "nan" and "1_000", which no engine takes for a number.
    return not any(letter.isalpha() for letter in text.lower().replace("e", "", 1)) and "_" not in text


def _is_whole_text(text: str) -> bool:
    return text.removeprefix("-").isascii() and text.removeprefix("-").isdecimal()


_TESTS: Final = (*COMPARISONS, exp.Is, exp.In, exp.Between, exp.Like, exp.ILike, exp.Glob, exp.RegexpLike)


_INTEGERS: Final = (exp.DType.INT, exp.DType.BIGINT, exp.DType.SMALLINT)


_REALS: Final = (exp.DType.FLOAT, exp.DType.DOUBLE)


_TEXTS: Final = (exp.DType.TEXT, exp.DType.VARCHAR)


_TYPES: Final[dict[Dialect, dict[exp.DType, str]]] = {
    Dialect.POSTGRES: {exp.DType.FLOAT: "DOUBLE PRECISION", exp.DType.DOUBLE: "DOUBLE PRECISION"},
    Dialect.TSQL: {
        exp.DType.INT: "INT",
        exp.DType.FLOAT: "FLOAT",
        exp.DType.DOUBLE: "FLOAT",
        exp.DType.TEXT: "NVARCHAR(MAX)",
        exp.DType.VARCHAR: "NVARCHAR(MAX)",
    },
    Dialect.DUCKDB: {exp.DType.FLOAT: "DOUBLE", exp.DType.DOUBLE: "DOUBLE"},
    Dialect.MYSQL: {exp.DType.FLOAT: "DOUBLE", exp.DType.DOUBLE: "DOUBLE"},
}
