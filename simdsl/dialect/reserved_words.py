"""Names: what is a plain name in one dialect and a keyword in another is quoted there."""

from __future__ import annotations

from typing import Final

from simdsl.dialect.dialect_pair import DialectPair
from simdsl.dialect.sqlglot_adapter import SqlTree, exp
from simdsl.plan.sql import Dialect


def quote_reserved_words(tree: SqlTree, route: DialectPair) -> None:
    """Quote the names that the target would read as something else."""
    reserved = _RESERVED.get(route.target, frozenset())
    for node in tree.find_all(exp.Identifier):
        name = node.name
        if not node.args.get("quoted") and name.lower() in reserved and not _is_special(node):
            node.set("this", name.lower() if route.target is Dialect.POSTGRES else name)
            node.set("quoted", True)


def _is_special(node: exp.Identifier) -> bool:
    """The table ``excluded`` of an upsert, and the like."""
    return node.name.lower() in ("excluded", "inserted", "deleted")


# From the tables of keywords in the manuals of PostgreSQL 18 (reserved, and reserved save for functions), SQL Server 2022,
# DuckDB and MySQL 8.4: those that are no keywords to SQLite, or plain names there.
_POSTGRES: Final = """
    analyse any array asymmetric authorization binary both concurrently current_catalog current_role current_schema
    current_user false fetch for freeze grant lateral leading localtime localtimestamp offset only overlaps placing
    session_user similar some symmetric system_user tablesample trailing true user variadic verbose window
"""


_TSQL: Final = """
    any authorization backup break browse bulk checkpoint close clustered coalesce compute contains containstable continue
    convert current current_user cursor database dbcc deallocate declare deny disk distributed double dump errlvl exec
    execute exit external fetch file fillfactor for freetext full function goto grant holdlock identity identity_insert
    identitycol if key kill lineno load merge national nocheck nonclustered off offsets open option over percent pivot
    plan precision print proc procedure public raiserror read readtext reconfigure replication restore restrict return
    revert revoke right rowcount rowguidcol rule save schema securityaudit session_user setuser shutdown some statistics
    system_user textsize top tran trigger truncate try_convert tsequal unpivot updatetext use user varying view waitfor
    while within writetext
"""


_MYSQL: Final = """
    accessible asensitive before bigint binary blob both call change character condition continue convert cube
    current_user cursor databases day_hour declare delayed describe deterministic div double dual each elseif empty
    enclosed escaped exit fetch float for force fulltext function generated get grant groups high_priority in infile inout
    int interval iterate key keys kill lateral leading leave linear lines load lock long loop low_priority match mod
    modifies optimize option optionally out outer outfile over partition precision procedure purge range rank read reads
    recursive release rename repeat require resignal restrict return revoke row rows schema schemas sensitive separator
    show signal spatial sql ssl starting stored straight_join system terminated tinyint trailing trigger undo unlock
    unsigned usage use varying virtual while window write xor year_month zerofill
"""


_RESERVED: Final = {
    Dialect.POSTGRES: frozenset(_POSTGRES.split()),
    Dialect.DUCKDB: frozenset((*_POSTGRES.split(), "qualify", "summarize", "pivot", "unpivot", "describe", "show")),
    Dialect.TSQL: frozenset(_TSQL.split()),
    Dialect.MYSQL: frozenset(_MYSQL.split()),
}
