"""Transaction control as a plan holds it, and the check with which a workload ends."""

from __future__ import annotations

from typing import Final

from simdsl.plan import ir
from simdsl.plan.ir import Action, Sql, SqlKind


def savepoint(name: str) -> Sql:
    """``SAVEPOINT name``."""
    return _control(f"SAVEPOINT {name}", Action.SAVEPOINT, name=name)


def rollback_to(name: str) -> Sql:
    """``ROLLBACK TO name``, after which the savepoint is still there."""
    return _control(f"ROLLBACK TO {name}", Action.ROLLBACK_TO, name=name)


def release(name: str) -> Sql:
    """``RELEASE name``."""
    return _control(f"RELEASE {name}", Action.RELEASE, name=name)


def nothing_is_lent(pool: str) -> ir.Expression:
    """The pool has all of its connections, and nobody waits for one."""
    left, right = _zero(pool, ir.PoolCount.BUSY), _zero(pool, ir.PoolCount.WAITING)
    return ir.Binary(operator=ir.Operator.AND, left=left, right=right)


def _zero(pool: str, count: ir.PoolCount) -> ir.Expression:
    zero = ir.Constant(cell=ir.Scalar(value=0))
    return ir.Binary(operator=ir.Operator.EQ, left=ir.OfPool(pool=pool, count=count), right=zero)


def _control(text: str, action: Action, *, isolation: ir.Isolation | None = None, name: str | None = None) -> Sql:
    said = ir.Transaction(action=action, isolation=isolation, name=name)
    return Sql(fragments=(text,), kind=SqlKind.TRANSACTION, transaction=said)


BEGIN: Final = _control("BEGIN ISOLATION LEVEL SERIALIZABLE", Action.BEGIN, isolation=ir.Isolation.SERIALIZABLE)
COMMIT: Final = _control("COMMIT", Action.COMMIT)
ROLLBACK: Final = _control("ROLLBACK", Action.ROLLBACK)
