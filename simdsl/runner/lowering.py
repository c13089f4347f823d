"""Lowering: a plan, for one backend and one entry of its params, becomes flat lists of instructions.

Everything that can be known before a statement runs is done here, once: overrides are chosen, statements are translated
and compiled for the driver, expectations are compiled, loops become jumps. The interpreter then only executes. Verbs
lower themselves (`simdsl.verbs`); this module lowers SQL and knows what verbs need to know about the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from simdsl.backends.protocol import Backend, Refusal, Statement
from simdsl.core.choices import steps_for_task
from simdsl.core.matcher import Matcher, compile_expectation, exact_match
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.expectations import Binding, Blocks, ExactRows, Expectation, ExpectedError
from simdsl.plan.outcomes import Affected
from simdsl.plan.plan import Identifier, Param, Plan, Workload
from simdsl.plan.sql import Dialect, Sql, SqlKind, Variable
from simdsl.plan.steps import ExpectingStep, Override, SqlStep, Step, StepOptions
from simdsl.plan.values import Value
from simdsl.runner.program import LoweredWorkload, Program, StatementInstruction
from simdsl.syntax.sql_lexer import nondeterministic_part
from simdsl.verbs.base import CompiledExpectation, verb_of
from simdsl.verbs.base.runtime import NO_CONNECTION, Instruction, Instructions

if TYPE_CHECKING:
    from simdsl.dialect.translation import Translator


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """The plan needs something that the backend lacks."""

    reason: str


def lower(
    plan: Plan,
    backend: Backend,
    params: tuple[Param, ...],
    *,
    last: Path | None = None,
    translators: TranslatorCache | None = None,
) -> Program | Skipped:
    """The program of a plan on a backend, or why it is skipped there.

    ``last`` is the last step of ``steps:`` that is lowered; ``translators`` may be shared by plans, which then translate
    the same statement once.
    """
    lowering = _Lowering(plan=plan, backend=backend, params=params, translators=translators or TranslatorCache())
    sample_threads = None
    try:
        if plan.tasks is not None:
            threads = tuple(lowering.code(task.steps, ("tasks", task.name)) for task in plan.tasks)
            names = tuple(task.name for task in plan.tasks)
        elif plan.workload is not None:
            lowered = lowering.workload(plan.workload)
            sample_threads, threads, names = lowered.threads, (lowered.everything,), plan.workload.tasks
        else:
            steps = plan.steps or ()
            if last is not None and last[0] == "steps" and len(last) > 1 and isinstance(last[1], int):
                steps = steps[: last[1] + 1]
            threads, names = (lowering.code(steps, ("steps",)),), ()
        setup = lowering.code(plan.setup, ("setup",))
        finally_ = lowering.code(plan.finally_, ("finally",))
        invariants = lowering.code(plan.invariants, ("invariants",))
    except _Unsupported as unsupported:
        return Skipped(reason=str(unsupported))
    return Program(
        tasks=tuple(lowering.connections),
        threads=threads,
        thread_names=names,
        setup=setup,
        finally_=finally_,
        invariants=invariants,
        env={p.name: p.value for p in params if not isinstance(p.value, Identifier)},
        pools=plan.pools,
        sample_threads=sample_threads,
    )


class _Unsupported(Exception):
    """The backend lacks something that a step needs."""


class _Compiled(NamedTuple):
    """An expectation, compiled."""

    judge: Matcher | None
    exact: Affected | None
    may_block: bool
    must_block: bool


_MOVES_TRANSACTION: Final = frozenset({SqlKind.TRANSACTION, SqlKind.OTHER})
_NO_EXPECTATION: Final = _Compiled(None, None, False, False)


@dataclass(slots=True, kw_only=True, eq=False)
class _Lowering:
    """One lowering: the ``Lowering`` of verbs, and what is the same for all steps of a plan."""

    plan: Plan
    backend: Backend
    params: tuple[Param, ...]
    translators: TranslatorCache
    connections: dict[str, int] = field(default_factory=dict)  # the index of each task's connection, in order
    compiled: dict[tuple[int, bool], _Compiled] = field(default_factory=dict)
    identifiers: dict[str, str] = field(default_factory=dict)
    translator: Translator | None = None  # None where the text is sent as it stands
    nondeterministic: set[str] = field(default_factory=set)  # variables whose value may differ in each run

    def __post_init__(self) -> None:
        for param in self.params:
            if isinstance(param.value, Identifier):
                self.identifiers[param.name] = param.value.name
        for task in self.plan.tasks or ():
            self.connection(task.name)
        for name in self.plan.workload.tasks if self.plan.workload is not None else ():
            self.connection(name)
        source, target = source_dialect(self.plan, self.backend.dialect), self.backend.dialect
        if source is not target:
            self.translator = self.translators.get(source, target, frozenset(self.identifiers))

    def code(self, steps: Sequence[Step], path: Path) -> Instructions:
        """A list of steps as a list of instructions of its own."""
        code: list[Instruction] = []
        self.steps(code, steps, path)
        return tuple(code)

    def workload(self, workload: Workload) -> LoweredWorkload:
        """Every action for every task."""
        return LoweredWorkload(
            workload=workload,
            codes=tuple(
                {
                    action.name: self.code(steps_for_task(action.body, task), ("workload", "actions", action.name, "do"))
                    for action in workload.actions
                }
                for task in workload.tasks
            ),
        )

    # What verbs ask: see ``verbs.base.Lowering``

    @property
    def backend_name(self) -> str:
        """The name by which overrides call the backend."""
        return self.backend.name

    def connection(self, task: str | None) -> int:
        """Numbers are given in the order in which tasks are first met, so that they do not depend on the backend."""
        return NO_CONNECTION if task is None else self.connections.setdefault(task, len(self.connections))

    def override(self, options: StepOptions) -> Override | None:
        """The first one for this backend."""
        for override in options.overrides:
            if override.backend == self.backend.name:
                return override
        return None

    def expectation(self, step: ExpectingStep) -> CompiledExpectation:
        """For steps that are no statements, and so have no order of rows."""
        override = self.override(step.options)
        expectation = step.expect if override is None or override.expect is None else override.expect
        compiled = self._compile(expectation, ordered=False)
        return CompiledExpectation(expectation, compiled.judge, compiled.may_block, override.backend if override else None)

    def steps(self, code: list[Instruction], steps: Sequence[Step], path: Path) -> None:
        """Steps that another backend has to itself are left out here; the others keep their paths."""
        name = self.backend.name
        for i, step in enumerate(steps):
            options, at = step.options, (*path, i)
            if name in options.skip or (options.only and name not in options.only):
                continue
            if isinstance(step, SqlStep):
                code.append(self._sql(step, at))
            else:
                verb_of(step).lower(step, at, code, self)

    def unsupported(self, path: Path, reason: str) -> NoReturn:
        """Ends the lowering."""
        raise _Unsupported(f"{_place(path)}: {reason}")

    # SQL

    def _sql(self, step: SqlStep, at: Path) -> StatementInstruction:
        override = self.override(step.options)
        sql = (override and override.sql) or step.sql
        expectation = step.expect if override is None or override.expect is None else override.expect
        # What only one backend runs is written in that backend's own SQL, as an override is.
        is_native = sql is not step.sql or step.options.only == (self.backend.name,)
        must_fail = expectation is not None and all(isinstance(one, ExpectedError) for one in expectation)
        statement = self._statement(sql, is_native=is_native, must_fail=must_fail, at=at)
        compiled = self._compile(expectation, sql.ordered)
        if compiled.must_block and not self.backend.capabilities.blocks_on_locks:
            name = self.backend.name
            message = f"{_place(at)} expects to wait for a lock, and on {name} no statement does"
            raise _Unsupported(f"{message}: write `{name}: => error busy` beside it")
        options, moves_transaction = step.options, sql.kind in _MOVES_TRANSACTION
        parameters = statement.parameters
        return StatementInstruction(
            task=step.task,
            path=at,
            what=sql.text,
            connection=self.connection(step.task),
            has_expectation=expectation is not None,
            ordered=sql.ordered,
            statement=statement,
            parameters=parameters,
            sole=parameters[0] if len(parameters) == 1 else None,
            bind=_binder(parameters),
            judge=compiled.judge,
            exact=compiled.exact,
            expectation=expectation,
            may_block=compiled.may_block,
            nondeterministic=self._is_nondeterministic(sql, expectation),
            moves_transaction=moves_transaction,
            is_plain=expectation is not None and not moves_transaction and options.label is None,
            override=override.backend if override else None,
            label=options.label,
            timeout_us=options.timeout_us or self.plan.timeout_us,
        )

    def _statement(self, sql: Sql, *, is_native: bool, must_fail: bool, at: Path) -> Statement:
        if self.translator is not None and not is_native:
            translated = self.translator.translate(sql)
            if isinstance(translated, Sql):
                sql = translated
            elif not must_fail:
                # A statement that is expected to fail is sent as it stands; any other must mean the same or not run.
                self.unsupported(at, f"{translated.message}; {translated.help}")
        statement = self.backend.compile(sql, self.identifiers)
        if isinstance(statement, Refusal):
            self.unsupported(at, statement.reason)
        return statement

    def _is_nondeterministic(self, sql: Sql, expectation: Expectation | None) -> bool:
        """Whether the outcome may differ in each run; then so may what the expectation binds, for all later steps."""
        known = self.nondeterministic
        found = nondeterministic_part(sql.text) is not None
        if not found and not (known and any(isinstance(p, Variable) and p.name in known for p in sql.fragments)):
            return False
        for alternative in expectation or ():
            if isinstance(alternative, ExactRows):
                known |= {cell.name for row in alternative.rows for cell in row if isinstance(cell, Binding)}
        return True

    def _compile(self, expectation: Expectation | None, ordered: bool) -> _Compiled:
        """Once for each expectation object: line templates of the loader share one between all lines that say the same.

        Keyed by ``id`` because hashing an expectation of many rows costs more than compiling it; the plan keeps it alive.
        """
        if expectation is None:
            return _NO_EXPECTATION
        key = (id(expectation), ordered)
        compiled = self.compiled.get(key)
        if compiled is None:
            blocks = [isinstance(alternative, Blocks) for alternative in expectation]
            compiled = self.compiled[key] = _Compiled(
                judge=compile_expectation(expectation, ordered=ordered, boolean_type=self.backend.capabilities.boolean_type),
                exact=exact_match(expectation),
                may_block=True in blocks,
                must_block=False not in blocks,
            )
        return compiled


def _binder(names: tuple[str, ...]) -> Callable[[Mapping[str, Value]], tuple[Value, ...]] | None:
    match names:
        case ():
            return None
        case (name,):
            return lambda env: (env[name],)
        case _:  # any greater number: a tuple's length, not a kind that could be added
            return itemgetter(*names)


def _place(path: Path) -> str:
    return f"step {'.'.join(str(part + 1) if isinstance(part, int) else part for part in path)}"


def source_dialect(plan: Plan, backend_dialect: Dialect) -> Dialect:
    """What the plan says, else the dialect of the only backend that it is meant for, else SQLite's (rules.md 46)."""
    if plan.dialect is not None:
        return plan.dialect
    return backend_dialect if len(plan.backends) == 1 else Dialect.SQLITE


class TranslatorCache:
    """One translator for each pair of dialects and each choice of names, made when it is first asked for."""

    def __init__(self) -> None:
        self._known: dict[tuple[Dialect, Dialect, frozenset[str]], Translator] = {}

    def get(self, source: Dialect, target: Dialect, identifiers: frozenset[str]) -> Translator:
        """``identifiers`` are the variables that stand for names."""
        from simdsl.dialect.translation import Translator  # most plans are sent as they stand

        key = (source, target, identifiers)
        if key not in self._known:
            self._known[key] = Translator(source, target, identifiers)
        return self._known[key]
