"""Builds the plans of properties: their tables, tasks, steps and expectations, directly as the IR.

Nothing here is printed and parsed again: a plan that was built equals the plan that is loaded from its text, which a test
holds for every property, but it costs a fifth of the time. Every choice is a function of the seed, the property's name
and a place, so that a step that is left out changes no other.

Most properties are about *keyed tables* (see `keyed_tables`): `t` is what the claim is about, `noise` is where
everything else happens. Properties about SQL add the tables of `owned_rows` or `metamorphic`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from simdsl.core.choices import choose_below
from simdsl.generation.expressions.printing import DialectText
from simdsl.generation.statements import expect_affected, expect_error, expect_row_count, sql_of
from simdsl.plan.expectations import Expectation, Ok
from simdsl.plan.expressions import Expression
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.plan import Plan, PoolSpec, RandomSchedule, Task
from simdsl.plan.sql import Dialect
from simdsl.plan.steps import NO_OPTIONS, Override, SqlStep, Step, StepOptions
from simdsl.properties.property import PlanSize
from simdsl.verbs.check import Check
from simdsl.verbs.checkout import Checkout
from simdsl.verbs.retry import Retry
from simdsl.verbs.return_ import Return
from simdsl.verbs.sleep import Sleep

POOL: Final = "main"
CONTENDED_KEY: Final = 1
"""The key of the row in `t` that all writers update."""

OK: Final[Expectation] = (Ok(),)
OK_OR_BUSY: Final[Expectation] = (Ok(), *expect_error(ErrorClass.BUSY))
OR_BUSY: Final[Expectation] = expect_error(ErrorClass.BUSY)
OR_CONFLICT: Final[Expectation] = expect_error(ErrorClass.BUSY, ErrorClass.SNAPSHOT_CONFLICT)
"""How a write may fail while another session writes, on engines with one lock for the whole database."""

RETRIED: Final = (
    ErrorClass.BUSY,
    ErrorClass.SNAPSHOT_CONFLICT,
    ErrorClass.SERIALIZATION_FAILURE,
    ErrorClass.DEADLOCK_DETECTED,
    ErrorClass.LOCK_NOT_AVAILABLE,
)
"""How a transaction may fail because of other sessions, so that it is worth trying again."""


class Script:
    """The steps of one task or section of a plan, and a maker of steps for it. Making a step does not add it."""

    def __init__(self, plan: PlanBuilder, name: str, number: int = 0) -> None:
        self.plan = plan
        self.name = name
        self.number = number  # of a writer, from 1; 0 for everything else
        self.steps: list[Step] = []

    def add(self, *steps: Step) -> None:
        """Append steps."""
        self.steps += steps

    # Steps

    def sql(
        self,
        text: str | DialectText,
        expect: Expectation | None = None,
        *,
        label: str | None = None,
        ordered: bool = False,
        only: tuple[str, ...] = (),
        instead: tuple[tuple[str, str], ...] = (),
    ) -> SqlStep:
        """One statement. ``ordered``: it ends with ORDER BY. ``instead``: (backend, text) where the text is another one.

        A text in two dialects always gets an override for PostgreSQL, also where both are equal: it is meant to be sent
        as it is, while a translation of SQLite's text would take TRUE for an integer.
        """
        overrides: tuple[Override, ...]
        if isinstance(text, DialectText):
            overrides = (Override(backend="postgres", sql=sql_of(text.postgres, ordered=ordered)),)
            text = text.sqlite
        else:
            overrides = tuple(Override(backend=backend, sql=sql_of(other)) for backend, other in instead)
        options = NO_OPTIONS
        if label is not None or overrides or only:
            options = StepOptions(label=label, overrides=overrides, only=only)
        return SqlStep(task=self.name, sql=sql_of(text, ordered=ordered), expect=expect, options=options)

    def checkout(self) -> Checkout:
        """Take a connection from the pool."""
        return Checkout(task=self.name, pool=POOL)

    def release(self) -> Return:
        """Return the connection to the pool."""
        return Return(task=self.name)

    def check(self, expression: Expression) -> Check:
        """A `check:` of this task; in `finally:` it belongs to no task."""
        return Check(expression=expression, task=None if self.name == _FINALLY else self.name)

    def sleep(self, milliseconds: int) -> Sleep:
        """Virtual time passes."""
        return Sleep(duration_us=milliseconds * 1000, task=self.name)

    def retry(self, steps: Iterable[Step], *place: int | str, attempts: int | None = None) -> Retry:
        """The steps, repeated while other sessions are in the way.

        By default there are as many attempts as all other tasks have steps: whatever the schedule, one of the attempts
        runs when the others have finished.
        """
        size = self.plan.size
        times = 12 * (size.writers + 1) * size.rounds if attempts is None else attempts
        every_us = 1000 * (1 + self.plan.choose(5, "every", *place))
        return Retry(times=times, classes=RETRIED, every_us=every_us, body=tuple(steps))

    # Steps that many properties share

    def begin(self) -> SqlStep:
        """BEGIN."""
        return self.sql("BEGIN")

    def commit(self, expect: Expectation | None = OK_OR_BUSY) -> SqlStep:
        """COMMIT, which SQLite refuses while another connection reads."""
        return self.sql("COMMIT", expect)

    def rollback(self, expect: Expectation | None = None) -> SqlStep:
        """ROLLBACK."""
        return self.sql("ROLLBACK", expect)

    def read_all(self, table: str = "t") -> SqlStep:
        """A query of a whole keyed table. It may be refused where a COMMIT that waits for readers keeps new ones out."""
        return self.sql(f"SELECT id, v FROM {table} ORDER BY id", OK_OR_BUSY, ordered=True)

    def guard(self) -> SqlStep:
        """A savepoint for PostgreSQL, where an error fails the whole transaction; ``recover`` goes back to it."""
        return self.sql("SAVEPOINT s", only=("postgres",))

    def recover(self) -> SqlStep:
        """Go back to the savepoint of ``guard``, so that the transaction can go on after an expected error."""
        return self.sql("ROLLBACK TO s", only=("postgres",))

    def extras(self, *, in_transaction: bool = False) -> list[Step]:
        """Random steps that cannot break any claim: reads, and outside of transactions writes to `noise`.

        A write within the transaction could make it fail, or lock what another task needs, and then the claim itself
        would depend on the extras.
        """
        plan = self.plan
        plan.places += 1
        place, steps = plan.places, list[Step]()
        for i in range(plan.choose(plan.size.extras + 1, "extras", place)):
            kind = plan.choose(2 if in_transaction else 4, "extra", place, i)
            row = 1 + plan.choose(3, "row", place, i)
            if kind == 0:
                steps.append(self.sql("SELECT count(*) FROM noise", _ONE_ROW))
            elif kind == 1:
                steps.append(self.sql(f"SELECT id, v FROM noise WHERE id = {row}", _ONE_ROW))
            else:
                steps.append(self.sql(f"UPDATE noise SET v = {plan.new_value()} WHERE id = {row}", ONE_WRITTEN))
        return steps

    def writes(self, *place: int | str) -> list[Step]:
        """One to three writes to `t`: new rows first, then perhaps the row that all writers update.

        The order matters: with the contended row last, no two tasks can wait for each other's locks.
        """
        plan, steps = self.plan, list[Step]()
        for i in range(plan.choose(2, "new", *place) + 1):
            if plan.choose(4, "many", *place, i):
                steps.append(self.sql(f"INSERT INTO t VALUES ({plan.new_row()})", ONE_WRITTEN))
            else:
                text = f"INSERT INTO t VALUES ({plan.new_row()}), ({plan.new_row()})"
                steps.append(self.sql(text, (*expect_affected(2), *OR_CONFLICT)))
        if plan.choose(3, "hot", *place):
            text = f"UPDATE t SET v = {plan.new_value()} WHERE id = {CONTENDED_KEY}"
            steps.append(self.sql(text, ONE_WRITTEN))
        return steps


class PlanBuilder:
    """One plan that is being built: setup, tasks, and what is run at the end.

    ``pool_size`` is the size of the pool `main`, by default one connection less than there are tasks, or None for a plan
    without a pool. ``dialect`` and ``backends`` restrict where the plan runs.
    """

    def __init__(self, name: str, summary: str, seed: int, size: PlanSize) -> None:
        self.name = name
        self.summary = summary
        self.seed = seed
        self.size = size
        self.setup = Script(self, "setup")
        self.finally_ = Script(self, _FINALLY)
        self.tasks: list[Script] = []
        self.pool_size: int | None = max(1, size.writers)
        self.pool_timeout_us = 10_000_000
        self.dialect: Dialect | None = None
        self.backends: tuple[str, ...] = ()
        self.runs = size.runs
        self.places = 0  # calls of ``extras`` so far: the place of its choices
        self._last_value = 100
        self._last_key = 10  # those below are in `t` from the first

    def choose(self, below: int, *place: int | str) -> int:
        """A number from 0 up to, not including, ``below``: a function of the seed, the property and the place."""
        return choose_below(below, self.seed, self.name, *place)

    def new_value(self) -> int:
        """A value that no other step writes, so that it identifies the step that wrote it."""
        self._last_value += 1
        return self._last_value

    def new_key(self) -> int:
        """A key that no other step inserts."""
        self._last_key += 1
        return self._last_key

    def new_row(self) -> str:
        """A new key and a new value, as VALUES writes them."""
        return f"{self.new_key()}, {self.new_value()}"

    def use_keyed_tables(self, *, read_at_end: bool = True) -> None:
        """Create `t` and `noise` with the rows 1, 2 and 3. ``read_at_end``: `finally:` reads `t`."""
        self.create_keyed_table("t")
        self.create_noise()
        if read_at_end:
            self.finally_.add(self.finally_.read_all())

    def create_noise(self) -> None:
        """Create `noise`, which ``extras`` read and write."""
        self.create_keyed_table("noise")

    def create_keyed_table(self, table: str) -> None:
        """Create a keyed table with the rows 1, 2 and 3."""
        self.setup.add(self.setup.sql(f"CREATE TABLE {table} {KEYED_COLUMNS}"))
        self.setup.add(self.setup.sql(f"INSERT INTO {table} VALUES (1, 1), (2, 2), (3, 3)", expect_affected(3)))

    def task(self, name: str, number: int = 0) -> Script:
        """A further task."""
        script = Script(self, name, number)
        self.tasks.append(script)
        return script

    def writers(self) -> Iterator[Script]:
        """The tasks `w1`, `w2` ... as many as the size says."""
        for number in range(1, self.size.writers + 1):
            yield self.task(f"w{number}", number)

    def add_reader(self) -> None:
        """A task that reads `t` again and again, in no transaction."""
        reader = self.task("reader")
        reader.add(reader.checkout())
        for _ in range(self.size.rounds + 1):
            reader.add(reader.read_all(), *reader.extras())
        reader.add(reader.release())

    def finish(self) -> Plan:
        """The plan."""
        pools: tuple[PoolSpec, ...] = ()
        if self.pool_size is not None:
            pools = (PoolSpec(name=POOL, size=self.pool_size, timeout_us=self.pool_timeout_us),)
        return Plan(
            name=self.name,
            doc=self.summary,
            tags=("property",),
            dialect=self.dialect,
            backends=self.backends,
            pools=pools,
            setup=tuple(self.setup.steps),
            tasks=tuple(Task(name=task.name, steps=tuple(task.steps)) for task in self.tasks),
            schedule=RandomSchedule(runs=self.runs, seed=self.seed),
            finally_=tuple(self.finally_.steps),
            properties=(self.name,),
            seed=self.seed,
        )


_FINALLY: Final = "finally"
KEYED_COLUMNS: Final = "(id INTEGER PRIMARY KEY, v INTEGER)"
ONE_WRITTEN: Final[Expectation] = (*expect_affected(1), *OR_CONFLICT)
_ONE_ROW: Final[Expectation] = (*expect_row_count(1), *OR_BUSY)
