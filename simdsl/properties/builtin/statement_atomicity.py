"""A statement that fails half-way has done nothing.

Claim: of a write of several rows that fails at one of them, no part stays, inside of a transaction or outside.

Steps: an INSERT whose last row has a key that exists, or an UPDATE of every row that a CHECK refuses for one; then a query
of the same task, in its transaction if it is in one, and after its COMMIT; meanwhile another task does the same, and one
reads. In PostgreSQL the error fails the whole transaction, so there a savepoint recovers it.

Violated when: a query shows a value that only a failed statement would have written.

Evidence: the statement that failed, and the query.
"""

from __future__ import annotations

from typing import Final

from simdsl.generation.statements import expect_affected, expect_error
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.steps import Step
from simdsl.properties.plan_builder import CONTENDED_KEY, OR_CONFLICT, PlanBuilder, Script
from simdsl.properties.property import Requirement
from simdsl.properties.registry import register
from simdsl.properties.row_history import WriteOutcome
from simdsl.properties.row_visibility import invisible_rows_checker

_LARGEST: Final = 999_999_999


@register(
    "statement-atomicity",
    specification=__doc__,
    summary="A statement that fails half-way has done nothing.",
    check=invisible_rows_checker(WriteOutcome.FAILED),
    requires=(Requirement.POOLS,),
    unchecked="no query came after a statement of several rows that failed at one of them",
)
def statement_atomicity(plan: PlanBuilder) -> None:
    """Writers that fail, and a reader."""
    setup = plan.setup
    # The row that the CHECK refuses is the last one, so that an engine has changed the others before it fails.
    setup.add(setup.sql(f"CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER CHECK (v < {_LARGEST}))"))
    setup.add(setup.sql(f"INSERT INTO t VALUES (1, 1), (2, 2), (3, {_LARGEST - 1})", expect_affected(3)))
    plan.create_noise()
    for task in plan.writers():
        for turn in range(plan.size.rounds):
            task.add(task.checkout())
            if plan.choose(2, "in transaction", task.number, turn):
                task.add(task.begin(), task.guard(), _failing(plan, task, turn), task.recover())
                task.add(task.read_all(), task.commit())
            else:
                task.add(_failing(plan, task, turn))
            task.add(task.read_all(), *task.extras(), task.release())
    plan.add_reader()
    plan.finally_.add(plan.finally_.read_all())


def _failing(plan: PlanBuilder, task: Script, turn: int) -> Step:
    """An UPDATE that fails at its last row, or an INSERT that does."""
    if plan.choose(2, "update", task.number, turn):
        step = 10 + 10 * plan.choose(9, "by", task.number, turn) + task.number
        expect = (*expect_error(ErrorClass.CHECK_VIOLATION), *OR_CONFLICT)
        return task.sql(f"UPDATE t SET v = v + {step}", expect)
    rows = [f"({plan.new_row()})" for _ in range(1 + plan.choose(3, "rows", task.number, turn))]
    rows.append(f"({CONTENDED_KEY}, {plan.new_value()})")
    expect = (*expect_error(ErrorClass.UNIQUE_VIOLATION), *OR_CONFLICT)
    return task.sql(f"INSERT INTO t VALUES {', '.join(rows)}", expect)
