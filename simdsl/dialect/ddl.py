"""CREATE, ALTER and DROP: column types, keys that number rows, defaults, indexes, views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from simdsl.dialect.arithmetic import raw_type
from simdsl.dialect.sqlglot_adapter import SqlTree, exp
from simdsl.dialect.type_inference import is_whole, strip_parens
from simdsl.dialect.unsupported import DialectPair, Unsupported
from simdsl.plan.sql import Dialect

SERIALS: Final = (exp.DType.SERIAL, exp.DType.BIGSERIAL, exp.DType.SMALLSERIAL)


def render_type(kind: exp.DataType, route: DialectPair, written: str, *, is_key: bool) -> str:
    """The type in the target's SQL. ``written`` is the first word of it in the statement. Raises ``Unsupported``."""
    said = written or kind.sql(route.source.value)
    sizes = [size.name for size in kind.expressions]
    if kind.this in (exp.DType.DECIMAL, exp.DType.UDECIMAL):
        return _decimal_type(sizes, said, route)
    if kind.this in _TEXT_TYPES:
        return _text_type(kind.this, sizes, said, route, is_key)
    names = _TYPE_NAMES.get(kind.this)
    name = names.get(route.target) if names else None
    if kind.this is exp.DType.FLOAT and route.source is Dialect.SQLITE:
        name = _TYPE_NAMES[exp.DType.DOUBLE][route.target]  # SQLite has reals of 64 bits only
    elif kind.this is exp.DType.FLOAT and route.target is not Dialect.TSQL:
        raise Unsupported("the type REAL, which has 32 bits", "write DOUBLE PRECISION")
    if name is None or (sizes and kind.this not in (exp.DType.INT,)):
        raise Unsupported(f"the type {said}")
    if is_key and name in ("VARBINARY(MAX)", "LONGBLOB"):
        raise Unsupported(f"the type {said} in a key")
    return name


def _decimal_type(sizes: list[str], said: str, route: DialectPair) -> str:
    if not sizes and route.target in (Dialect.TSQL, Dialect.DUCKDB, Dialect.MYSQL):
        raise Unsupported(f"the type {said} without a size, which is another one everywhere", "write NUMERIC(p, s)")
    return "NUMERIC" + (f"({', '.join(sizes)})" if sizes else "")


def _text_type(kind: exp.DType, sizes: list[str], said: str, route: DialectPair, is_key: bool) -> str:
    if kind in (exp.DType.CHAR, exp.DType.NCHAR) and route.source is Dialect.POSTGRES:
        raise Unsupported(f"the type {said}, which pads", "write VARCHAR(n)")
    size = f"({sizes[0]})" if sizes else ""
    match route.target:
        case Dialect.TSQL:
            # A key of SQL Server has at most 900 bytes, 450 characters. The default collation of a database usually ignores
            # case, which neither SQLite nor PostgreSQL does.
            return f"NVARCHAR{size or ('(450)' if is_key else '(MAX)')} COLLATE Latin1_General_100_BIN2"
        case Dialect.MYSQL:
            return f"VARCHAR{size}" if size else "VARCHAR(191)" if is_key else "LONGTEXT"
        case Dialect.SQLITE | Dialect.POSTGRES | Dialect.DUCKDB:
            return f"VARCHAR{size}" if size else "TEXT"


_TEXT_TYPES: Final = (exp.DType.TEXT, exp.DType.VARCHAR, exp.DType.CHAR, exp.DType.NCHAR, exp.DType.NVARCHAR)


def _everywhere(name: str, **others: str) -> dict[Dialect, str]:
    return {dialect: others.get(dialect.value, name) for dialect in Dialect if others.get(dialect.value, name)}


# An empty name means that the target lacks the type.
_TYPE_NAMES: Final = {
    exp.DType.INT: _everywhere("INTEGER", tsql="INT", mysql="INT"),
    exp.DType.BIGINT: _everywhere("BIGINT"),
    exp.DType.SMALLINT: _everywhere("SMALLINT"),
    exp.DType.TINYINT: _everywhere("SMALLINT"),  # missing in PostgreSQL, unsigned in SQL Server
    exp.DType.MEDIUMINT: _everywhere("INTEGER", tsql="INT", mysql="INT"),
    exp.DType.FLOAT: _everywhere("REAL", mysql="FLOAT"),
    exp.DType.DOUBLE: _everywhere("DOUBLE PRECISION", tsql="FLOAT", duckdb="DOUBLE", mysql="DOUBLE", sqlite="REAL"),
    exp.DType.BOOLEAN: _everywhere("BOOLEAN", tsql="BIT"),
    exp.DType.VARBINARY: _everywhere("BLOB", postgres="BYTEA", tsql="VARBINARY(MAX)", mysql="LONGBLOB"),
    exp.DType.BLOB: _everywhere("BLOB", postgres="BYTEA", tsql="VARBINARY(MAX)", mysql="LONGBLOB"),
    exp.DType.DATE: _everywhere("DATE", sqlite="TEXT"),
    exp.DType.TIME: _everywhere("TIME", sqlite="TEXT"),
    exp.DType.DATETIME: _everywhere("TIMESTAMP", tsql="DATETIME2", mysql="DATETIME(6)", sqlite="TEXT"),
    exp.DType.TIMESTAMP: _everywhere("TIMESTAMP", tsql="DATETIME2", mysql="DATETIME(6)", sqlite="TEXT"),
    exp.DType.TIMESTAMPTZ: _everywhere("TIMESTAMPTZ", tsql="DATETIMEOFFSET", mysql="", sqlite=""),
    exp.DType.UUID: _everywhere("UUID", tsql="UNIQUEIDENTIFIER", mysql="", sqlite=""),
    exp.DType.SERIAL: _everywhere("INTEGER", tsql="INT", mysql="INT"),
    exp.DType.BIGSERIAL: _everywhere("BIGINT"),
    exp.DType.SMALLSERIAL: _everywhere("SMALLINT"),
}


WrittenTypeOf = Callable[[exp.ColumnDef], str]
"""Returns the type of a column as written: SQLite distinguishes INT and INTEGER, and sqlglot does not."""


def rewrite_ddl(tree: SqlTree, route: DialectPair, written: WrittenTypeOf, *, rowid: bool) -> SqlTree:
    """Rewrite CREATE, ALTER and DROP; any other statement is left as it is. Returns the tree, whose root may be a new one.

    ``rowid`` is False for a table WITHOUT ROWID. Raises ``Unsupported``.
    """
    match tree:
        case exp.Create():
            return _create(tree, route, written, rowid)
        case exp.Alter():
            return _alter(tree, route, written)
        case exp.Drop():
            _drop(tree, route)
    return tree


def _create(tree: exp.Create, route: DialectPair, written: WrittenTypeOf, rowid: bool) -> SqlTree:
    kind = str(tree.args.get("kind") or "").upper()
    match kind:
        case "TABLE":
            _table(tree, route, written, rowid)
        case "INDEX":
            _index(tree, route)
        case "VIEW":
            if tree.args.get("exists") and route.target not in (Dialect.DUCKDB, Dialect.SQLITE):
                raise Unsupported("CREATE VIEW IF NOT EXISTS", "drop it before")
        case _:
            raise Unsupported(f"CREATE {kind}")
    _properties(tree, route)
    if tree.args.get("exists") and route.target is Dialect.TSQL:
        return _if_missing(tree, kind)
    return tree


def _properties(tree: exp.Create, route: DialectPair) -> None:
    properties = tree.args.get("properties")
    if properties is None:
        return
    for one in list(properties.expressions):
        if isinstance(one, exp.StrictProperty):
            one.pop()  # STRICT is what all other engines always are
        elif route.target is Dialect.TSQL:
            raise Unsupported("a temporary table", "SQL Server names them `#t`")
    if not properties.expressions:
        tree.set("properties", None)


def _if_missing(tree: exp.Create, kind: str) -> SqlTree:
    """Put IF around the statement: SQL Server has no CREATE ... IF NOT EXISTS."""
    tree.set("exists", None)
    table = tree.find(exp.Table)
    assert table is not None
    text = table.sql("tsql").replace("'", "''")
    if kind == "TABLE":
        test = f"IF OBJECT_ID(N'{text}', N'U') IS NULL"
    else:
        name = tree.this.name.replace("'", "''")
        test = f"IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE name = N'{name}' AND object_id = OBJECT_ID(N'{text}'))"
    return exp.Tuple(expressions=[exp.Var(this=test), tree])


def _table(tree: exp.Create, route: DialectPair, written: WrittenTypeOf, rowid: bool) -> None:
    if not isinstance(tree.this, exp.Schema):
        if tree.expression is None:
            raise Unsupported("CREATE TABLE without columns")
        return
    if tree.args.get("expression") is not None and tree.this.expressions:
        raise Unsupported("CREATE TABLE with columns and a query")
    bare = next((one for one in tree.this.expressions if isinstance(one, exp.Identifier)), None)
    if bare is not None and tree.expression is None:
        raise Unsupported(f"the column `{bare.name}`, which has no type", "give it a type")
    # Keys first: in SQL Server and MySQL the type of a column depends on whether it is part of a key.
    keys = _keys(tree.this)
    for column in tree.this.find_all(exp.ColumnDef):
        alone = keys.get(column.name.lower()) == "only" and route.source is Dialect.SQLITE
        numbers = alone and rowid and written(column) == "INTEGER"
        _column(column, route, written, numbers=numbers, is_key=column.name.lower() in keys)
    for constraint in list(tree.this.find_all(exp.PrimaryKey, exp.ForeignKey, exp.UniqueColumnConstraint, exp.Reference)):
        _constraint(constraint, route)


def _keys(schema: exp.Schema) -> dict[str, str]:
    """The columns of keys, in lower case: "only" for a primary key of one column, "part" for any other."""
    keys: dict[str, str] = {}
    for part in schema.find_all(exp.UniqueColumnConstraint, exp.ForeignKey, exp.PrimaryKey):
        names = [one.name.lower() for one in part.find_all(exp.Identifier)]
        alone = isinstance(part, exp.PrimaryKey) and len(part.expressions) == 1
        keys.update({name: "only" if alone else keys.get(name, "part") for name in names})
    for column in schema.find_all(exp.ColumnDef):
        kinds = [one.args.get("kind") for one in column.args.get("constraints") or ()]
        if any(isinstance(kind, exp.PrimaryKeyColumnConstraint) for kind in kinds):
            keys[column.name.lower()] = "only"
        elif any(isinstance(kind, (exp.UniqueColumnConstraint, exp.Reference)) for kind in kinds):
            keys.setdefault(column.name.lower(), "part")
    return keys


def _column(column: exp.ColumnDef, route: DialectPair, written: WrittenTypeOf, *, numbers: bool, is_key: bool) -> None:
    kind = column.args.get("kind")
    if kind is None:
        raise Unsupported(f"the column `{column.name}`, which has no type", "give it a type")
    constraints = column.args.get("constraints") or []
    counts = any(isinstance(one.args.get("kind"), _COUNTING) for one in constraints)
    is_primary = any(isinstance(one.args.get("kind"), exp.PrimaryKeyColumnConstraint) for one in constraints)
    serial = kind.this in SERIALS
    column.set("kind", raw_type(render_type(kind, route, written(column), is_key=is_key)))
    for one in list(constraints):
        _column_constraint(one, kind, route)
    constraints = [one for one in constraints if one.parent is column]
    if numbers or counts or serial:
        constraints = [one for one in constraints if not isinstance(one.args.get("kind"), _COUNTING)]
        constraints = _numbered(column, constraints, route, tried=counts or serial, is_primary=is_primary)
    elif route.target is Dialect.SQLITE and is_primary:
        # SQLite accepts NULL in a primary key, and generates the values of an INTEGER one: INT does not.
        if column.kind is not None and column.args["kind"].args["kind"] == "INTEGER":
            column.set("kind", raw_type("INT"))
        if not any(isinstance(one.args.get("kind"), exp.NotNullColumnConstraint) for one in constraints):
            constraints.insert(0, exp.ColumnConstraint(kind=exp.NotNullColumnConstraint()))
    column.set("constraints", constraints)


def _numbered(
    column: exp.ColumnDef, constraints: list[SqlTree], route: DialectPair, *, tried: bool, is_primary: bool
) -> list[SqlTree]:
    """The constraints of a column whose values are generated, unless a statement gives one."""
    match route.target:
        case Dialect.POSTGRES:
            identity = exp.GeneratedAsIdentityColumnConstraint(this=False)
            return [exp.ColumnConstraint(kind=identity), *constraints]
        case Dialect.MYSQL:
            return [*constraints, exp.ColumnConstraint(kind=exp.AutoIncrementColumnConstraint())]
        case Dialect.SQLITE:
            if not is_primary:
                raise Unsupported(f"the column `{column.name}`, which numbers rows and is no primary key")
            column.set("kind", raw_type("INTEGER"))
            return constraints
        case Dialect.DUCKDB if tried:
            raise Unsupported(f"the column `{column.name}`, which numbers the rows", "insert the numbers yourself")
        case Dialect.TSQL if tried:
            # IDENTITY refuses given values. A key without AUTOINCREMENT stays a plain column, which takes them.
            column.set("kind", raw_type(f"{column.args['kind'].args['kind']} IDENTITY(1, 1)"))
    return constraints


def _column_constraint(one: SqlTree, kind: exp.DataType, route: DialectPair) -> None:
    inside = one.args.get("kind")
    match inside:
        case exp.DefaultColumnConstraint():
            _default(inside, kind, route)
        case exp.CollateColumnConstraint():
            if inside.this.name.upper() != "BINARY":
                raise Unsupported(f"COLLATE {inside.this.name} of a column", "compare LOWER(...) of both sides")
            one.pop()
        # Accepted and not enforced, which no error would tell.
        case exp.Reference() if route.target is Dialect.MYSQL:
            raise Unsupported("REFERENCES beside a column, which MySQL ignores", "write FOREIGN KEY")
        case exp.GeneratedAsIdentityColumnConstraint():
            if inside.this and route.target is not Dialect.POSTGRES:
                raise Unsupported("GENERATED ALWAYS AS IDENTITY", "write GENERATED BY DEFAULT AS IDENTITY")
        case exp.ComputedColumnConstraint():
            if route.target is Dialect.DUCKDB:
                raise Unsupported("a column that is calculated")
            if not isinstance(inside.this, exp.Paren):
                inside.set("this", exp.Paren(this=inside.this.copy()))


def _default(default: exp.DefaultColumnConstraint, kind: exp.DataType, route: DialectPair) -> None:
    value = strip_parens(default.this)
    if kind.this is exp.DType.BOOLEAN and is_whole(value) and route.target in (Dialect.POSTGRES, Dialect.DUCKDB):
        default.set("this", exp.Boolean(this=int(value.name) != 0))
    if isinstance(value, (exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime)):
        if kind.this in (exp.DType.TEXT, exp.DType.VARCHAR) or not isinstance(value, exp.CurrentTimestamp):
            raise Unsupported(f"{type(value).__name__} as the default of this type", "give the column the type TIMESTAMP")
        if route.target is Dialect.TSQL:
            default.set("this", exp.Anonymous(this="SYSUTCDATETIME"))


def _constraint(one: SqlTree, route: DialectPair) -> None:
    if one.args.get("options"):
        _options(one, route)
    if one.args.get("on_conflict") or one.args.get("nulls"):
        raise Unsupported("ON CONFLICT in a constraint" if one.args.get("on_conflict") else "NULLS NOT DISTINCT")
    for action in (one.args.get("delete"), one.args.get("update")):
        if action:
            _action(str(action), route)


def _options(one: SqlTree, route: DialectPair) -> None:
    for option in one.args["options"]:
        text = str(option).upper()
        if "DEFERR" in text or "INITIALLY" in text:
            if route.target in (Dialect.TSQL, Dialect.DUCKDB, Dialect.MYSQL):
                raise Unsupported("a constraint that waits for COMMIT")
        elif text.startswith("ON "):
            _action(text, route)
        elif "CONFLICT" in text or "MATCH" in text:
            raise Unsupported(text)


def _action(text: str, route: DialectPair) -> None:
    if route.target is Dialect.DUCKDB:
        raise Unsupported("a foreign key that acts")
    if "RESTRICT" in text.upper() and route.target is Dialect.TSQL:
        raise Unsupported("ON DELETE RESTRICT", "write NO ACTION")


def _index(tree: exp.Create, route: DialectPair) -> None:
    parameters = tree.this.args.get("params")
    if tree.args.get("exists") and route.target is Dialect.MYSQL:
        raise Unsupported("CREATE INDEX IF NOT EXISTS")
    if parameters is None:
        return
    if parameters.args.get("where") is not None and route.target in (Dialect.DUCKDB, Dialect.MYSQL):
        raise Unsupported("an index on some rows")
    for column in parameters.args.get("columns") or ():
        key = strip_parens(column.this if isinstance(column, exp.Ordered) else column)
        if not isinstance(key, exp.Column) and route.target in (Dialect.TSQL, Dialect.MYSQL):
            raise Unsupported("an index on an expression")
        if not isinstance(key, (exp.Column, exp.Func)) and route.target in (Dialect.POSTGRES, Dialect.DUCKDB):
            key.replace(exp.Paren(this=key.copy()))


def _alter(tree: exp.Alter, route: DialectPair, written: WrittenTypeOf) -> SqlTree:
    if str(tree.args.get("kind")).upper() != "TABLE" or len(tree.args.get("actions") or ()) != 1:
        raise Unsupported(f"ALTER {tree.args.get('kind')} of this form")
    action = tree.args["actions"][0]
    match action:
        case exp.ColumnDef():
            _column(action, route, written, numbers=False, is_key=False)
            if route.target is Dialect.DUCKDB and action.args.get("constraints"):
                kinds = [one.args.get("kind") for one in action.args["constraints"]]
                if not all(isinstance(kind, exp.DefaultColumnConstraint) for kind in kinds):
                    raise Unsupported("ADD COLUMN with a constraint")
        case exp.RenameColumn() if route.target is Dialect.TSQL:
            return _renamed(f"{tree.this.sql('tsql')}.{action.this.sql('tsql')}", action.args["to"].name, ", N'COLUMN'")
        case exp.AlterRename() if route.target is Dialect.TSQL:
            return _renamed(tree.this.sql("tsql"), action.this.name, "")
        case exp.RenameColumn() | exp.AlterRename():
            pass
        case exp.Drop() if str(action.args.get("kind")).upper() == "COLUMN":
            _drop(action, route)
        case _:
            raise Unsupported(f"ALTER TABLE ... {type(action).__name__.upper()}")
    return tree


def _renamed(old: str, new: str, kind: str) -> SqlTree:
    old, new = old.replace("'", "''"), new.replace("'", "''")
    return exp.Var(this=f"EXEC sp_rename N'{old}', N'{new}'{kind}")


def _drop(tree: exp.Drop, route: DialectPair) -> None:
    kind = str(tree.args.get("kind") or "").upper()
    if kind not in ("TABLE", "INDEX", "VIEW", "COLUMN"):
        raise Unsupported(f"DROP {kind}")
    if kind == "INDEX" and route.target in (Dialect.TSQL, Dialect.MYSQL):
        raise Unsupported("DROP INDEX without the name of its table")
    if tree.args.get("cascade") and route.target in (Dialect.SQLITE, Dialect.TSQL, Dialect.MYSQL):
        raise Unsupported("DROP ... CASCADE")
    if len(tree.args.get("tables") or ()) > 1 and route.target in (Dialect.SQLITE, Dialect.DUCKDB):
        raise Unsupported("DROP of several things", "write a statement for each")


_COUNTING: Final = (exp.AutoIncrementColumnConstraint, exp.GeneratedAsIdentityColumnConstraint)
