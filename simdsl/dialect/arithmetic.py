"""Arithmetic: division, remainders, rounding, casts, and aggregates whose type is another one elsewhere."""

from __future__ import annotations

from typing import Final

from simdsl.dialect.dialect_pair import DialectPair, Unsupported
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
from simdsl.plan.sql import Dialect


def rewrite_arithmetic(tree: SqlTree, route: DialectPair) -> None:
    """Make every number come out as where the statement was written."""
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
            case exp.Pow() if route.target is Dialect.TSQL:  # whose result is of the type of what is raised
                node.set("this", cast_once(node.this, "FLOAT"))
            case exp.Ceil() | exp.Floor() if value_type(node.this) is ValueType.INTEGER:
                # To SQLite it stays an integer, to PostgreSQL it becomes a real.
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
    if route.source is Dialect.SQLITE and (is_mixed(node.this) or is_mixed(node.expression)):
        raise Unsupported("a division of what may be an integer or a real", "cast it to INTEGER or REAL")
    disable_generator_rewrites(node)
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
            if value_type(side) is not ValueType.INTEGER:  # DuckDB has a remainder of reals
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
    """Division by zero is NULL to SQLite and an error to others.

    A literal that is not zero needs no guard, and a divisor that has one already, because somebody wrote it, gets no second.
    """
    if route.source is not Dialect.SQLITE or route.target is Dialect.MYSQL:
        return
    divisor = strip_parens(node.expression)
    plain = strip_parens(divisor.this) if isinstance(divisor, exp.Neg) else divisor
    if isinstance(plain, exp.Literal) and not plain.is_string and not is_zero(plain):
        return
    if (
        isinstance(divisor, exp.Nullif)
        and is_number_literal(divisor.expression)
        and is_zero(strip_parens(divisor.expression))
    ):
        return
    node.set("expression", exp.Nullif(this=divisor.copy(), expression=exp.Literal.number(0)))


def _operands(node: SqlTree, route: DialectPair) -> None:
    """Arithmetic with texts is left to the engine, save where it would mean something else."""
    texts = [side for side in (node.this, node.expression) if value_type(side) is ValueType.TEXT]
    is_plain = all(isinstance(strip_parens(side), exp.Literal) for side in texts)
    if texts and (len(texts) == 2 or not is_plain or route.target in (Dialect.TSQL, Dialect.DUCKDB)):
        raise Unsupported("arithmetic with a text", "write a number, or cast the text")


def _compare(node: SqlTree, route: DialectPair) -> None:
    """``1 = '1'`` is false to SQLite, in which only a column lends its type to the other side, and true to others."""
    if Dialect.SQLITE not in (route.source, route.target) or is_assignment(node):
        return
    for one, other in ((node.this, node.expression), (node.expression, node.this)):
        literal = strip_parens(other)
        if isinstance(literal, exp.Literal) and literal.is_string and value_type(one) in NUMERIC:
            raise Unsupported("a comparison of a number with a text", "write both as numbers or both as texts")


def _group(node: SqlTree) -> None:
    """Operators rank differently everywhere: brackets keep what belongs together, where they are no matter of course."""
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
    """A predicate that is about to become a number or a text by way of 1 and 0, which some engines make of it anyway."""
    if route.target not in (Dialect.TSQL, Dialect.MYSQL):
        predicate.replace(cast_once(predicate, "INTEGER"))


def _truncate(node: exp.Cast, route: DialectPair) -> None:
    """SQLite and SQL Server cut off what stands behind the point, others round it."""
    if route.target is Dialect.TSQL:
        return
    if route.target is Dialect.MYSQL:
        raise Unsupported("CAST(... AS INTEGER) of what may be no integer")
    exact = "NUMERIC" if route.target is Dialect.POSTGRES else "DOUBLE"
    value = node.this.copy() if is_number_literal(node.this) else cast_once(node.this, exact)
    node.set("this", exp.Anonymous(this="TRUNC", expressions=[value]))


def is_number_literal(node: SqlTree) -> bool:
    """Whether a node is a number as it stands."""
    node = strip_parens(node)
    return isinstance(node, exp.Literal) and not node.is_string


def _cast_to_sqlite(node: exp.Cast, kind: exp.DType, value: SqlTree) -> None:
    found = value_type(value)
    said = node.to.sql("postgres")
    if kind in _INTEGERS:
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
        )  # it would be cut off, not rounded
    found = value_type(value)
    if kind in _TEXTS and (found in (ValueType.REAL, ValueType.NUMBER) or is_mixed(value)):
        raise Unsupported(f"a cast of a real to {node.to.sql('postgres')}, which each engine writes in its own way")
    if kind in _TEXTS and found is ValueType.BOOLEAN and target is not Dialect.DUCKDB:
        raise Unsupported(f"a cast of a boolean to {node.to.sql('postgres')}")


def _round(node: exp.Round, route: DialectPair) -> None:
    """SQLite rounds half away from zero and answers with a real; PostgreSQL rounds decimals so, and reals half to even."""
    value = strip_parens(node.this)
    number = strip_parens(value.this) if isinstance(value, exp.Neg) else value
    if value_type(value) is ValueType.TEXT:
        raise Unsupported("ROUND() of a text")
    if route.source is Dialect.POSTGRES and node.args.get("decimals") is None and not is_number_literal(number):
        raise Unsupported("ROUND() of what may be a real, which PostgreSQL rounds to even", "write ROUND(x, 0)")
    if route.target is Dialect.TSQL:  # which wants to be told the digits, and rounds 9.5 to what does not fit
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
    """SQLite's is an integer, and PostgreSQL's a real."""
    if route.source is not Dialect.SQLITE:
        raise Unsupported("SIGN()", "write CASE")
    if value_type(node.this) is ValueType.BOOLEAN:
        _counted(node.this, route)
    if route.target is not Dialect.MYSQL:
        node.replace(cast_once(node, "INT" if route.target is Dialect.TSQL else "INTEGER"))


def _average(node: exp.Avg, route: DialectPair) -> None:
    """SQLite's average is a real; SQL Server's is an integer where it averages integers."""
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


def _total(node: exp.Anonymous, route: DialectPair) -> None:
    if isinstance(node.parent, exp.Filter):
        raise Unsupported("TOTAL() with FILTER", "write COALESCE(SUM(...) FILTER (...), 0.0)")
    sums = cast_once(exp.Sum(this=node.expressions[0].copy()), _real(route.target))
    node.replace(exp.Coalesce(this=sums, expressions=[exp.Literal.number(0)]))


def _real(target: Dialect) -> str:
    """The type of 64 bits."""
    return {Dialect.POSTGRES: "DOUBLE PRECISION", Dialect.TSQL: "FLOAT", Dialect.SQLITE: "REAL"}.get(target, "DOUBLE")


def _extreme(node: exp.Greatest | exp.Least, route: DialectPair) -> None:
    """SQLite's MAX of several values is NULL if one of them is; GREATEST skips it, MySQL's excepted."""
    if route.source is not Dialect.SQLITE or route.target is Dialect.MYSQL:
        return
    disable_generator_rewrites(node)
    for value in (node.this, *node.expressions):
        if value_type(value) is ValueType.BOOLEAN:
            _counted(value, route)
    values = [node.this, *node.expressions]
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
    """A copy of a value under a cast to a type, written as ``name``; one that is cast to it already gets no second cast."""
    plain = strip_parens(value)
    if isinstance(plain, exp.Cast) and plain.to.args.get("kind") == name:
        return value.copy()
    return exp.Cast(this=value.copy(), to=raw_type(name))


def raw_type(text: str) -> exp.DataType:
    """A type that is written just so."""
    return exp.DataType(this=exp.DType.USERDEFINED, kind=text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
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
