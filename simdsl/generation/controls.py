"""Transaction control as a plan holds it, and the check with which a workload ends."""

from __future__ import annotations

from typing import Final

from simdsl.plan.ir import Action, Constant, Expression, Scalar, Sql, SqlKind
from simdsl.plan.ir import Binary as BinaryOperation
from simdsl.plan.ir import Isolation as IsolationLevel
from simdsl.plan.ir import OfPool as PoolReference
from simdsl.plan.ir import Operator as BinaryOperator
from simdsl.plan.ir import PoolCount as PoolCounter
from simdsl.plan.ir import Transaction as TransactionControl


def savepoint(name: str) -> Sql:
    """``SAVEPOINT name``."""
    return _control(f"SAVEPOINT {name}", Action.SAVEPOINT, name=name)


def rollback_to(name: str) -> Sql:
    """``ROLLBACK TO name``, after which the savepoint is still there."""
    return _control(f"ROLLBACK TO {name}", Action.ROLLBACK_TO, name=name)


def release(name: str) -> Sql:
    """``RELEASE name``."""
    return _control(f"RELEASE {name}", Action.RELEASE, name=name)


def nothing_is_lent(pool: str) -> Expression:
    """The pool has all of its connections, and nobody waits for one."""
    left, right = _zero(pool, PoolCounter.BUSY), _zero(pool, PoolCounter.WAITING)
    return BinaryOperation(operator=BinaryOperator.AND, left=left, right=right)


def _zero(pool: str, count: PoolCounter) -> Expression:
    zero = Constant(cell=Scalar(value=0))
    return BinaryOperation(operator=BinaryOperator.EQ, left=PoolReference(pool=pool, count=count), right=zero)


def _control(text: str, action: Action, *, isolation: IsolationLevel | None = None, name: str | None = None) -> Sql:
    said = TransactionControl(action=action, isolation=isolation, name=name)
    return Sql(fragments=(text,), kind=SqlKind.TRANSACTION, transaction=said)


BEGIN: Final = _control("BEGIN ISOLATION LEVEL SERIALIZABLE", Action.BEGIN, isolation=IsolationLevel.SERIALIZABLE)
COMMIT: Final = _control("COMMIT", Action.COMMIT)
ROLLBACK: Final = _control("ROLLBACK", Action.ROLLBACK)
