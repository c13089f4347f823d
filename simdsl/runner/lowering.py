"""Lowering: a plan, for one backend and one entry of its params, becomes flat lists of instructions.

Everything that can be known before a statement runs is done here, once: overrides are chosen, statements are translated
and compiled for the driver, expectations are compiled, loops are turned into jumps. The interpreter then only executes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple, assert_never

from simdsl.backends.protocol import Backend, Refusal, Statement
from simdsl.core.matcher import Matcher, compile_expectation, exact_match
from simdsl.core.sampling import steps_for_task
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.expectations import Binding, Blocks, ExactRows, Expectation, ExpectedError
from simdsl.plan.outcomes import Affected
from simdsl.plan.plan import Identifier, Param, Plan
from simdsl.plan.source import Path
from simdsl.plan.sql import Dialect, Sql, SqlKind, Variable
from simdsl.plan.steps import Await, Check, Checkout, Fault, For, Override, Retry, Return, Sleep, SqlStep, Step, StepOptions
from simdsl.plan.values import Value
from simdsl.plan.workload import Workload
from simdsl.runner.program import Code, Instruction, LoweredWorkload, Opcode, Program, RetryPolicy
from simdsl.syntax.sql_statements import nondeterministic_part

if TYPE_CHECKING:
    from simdsl.dialect.translation import Translator


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """The plan asks for what the backend lacks."""

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

    ``last`` cuts `steps:` behind that step; ``translators`` remember what they have translated for another plan.
    """
    lowering = _Lowering(plan=plan, backend=backend, params=params, translators=translators or TranslatorCache())
    drawn = None
    try:
        if plan.tasks is not None:
            strands = tuple(lowering.block(task.steps, ("tasks", task.name)) for task in plan.tasks)
            names = tuple(task.name for task in plan.tasks)
        elif plan.workload is not None:
            lowered = lowering.workload(plan.workload)
            drawn, strands, names = lowered.strands, (lowered.everything,), plan.workload.tasks
        else:
            steps = plan.steps or ()
            if last is not None and last[0] == "steps" and len(last) > 1 and isinstance(last[1], int):
                steps = steps[: last[1] + 1]
            strands, names = (lowering.block(steps, ("steps",)),), ()
        setup = lowering.block(plan.setup, ("setup",))
        finally_ = lowering.block(plan.finally_, ("finally",))
        invariants = lowering.block(plan.invariants, ("invariants",))
    except _Refused as refused:
        return Skipped(reason=str(refused))
    return Program(
        tasks=tuple(lowering.actors),
        strands=strands,
        strand_names=names,
        setup=setup,
        finally_=finally_,
        invariants=invariants,
        env={p.name: p.value for p in params if not isinstance(p.value, Identifier)},
        pools=plan.pools,
        drawn=drawn,
    )


class _Refused(Exception):
    """The backend lacks something."""


class _Judging(NamedTuple):
    """An expectation, compiled."""

    judge: Matcher | None
    wanted: Affected | None
    may_block: bool
    must_block: bool


_MOVING: Final = frozenset({SqlKind.TRANSACTION, SqlKind.OTHER})


_UNJUDGED: Final = _Judging(None, None, False, False)


@dataclass(slots=True, kw_only=True, eq=False)
class _Lowering:
    plan: Plan
    backend: Backend
    params: tuple[Param, ...]
    translators: TranslatorCache
    actors: dict[str, int] = field(default_factory=dict)
    judgings: dict[tuple[int, bool], _Judging] = field(default_factory=dict)
    identifiers: dict[str, str] = field(default_factory=dict)
    translator: Translator | None = None  # None where the text is sent as it stands
    nondeterministic: set[str] = field(default_factory=set)  # variables that hold another value every time

    def __post_init__(self) -> None:
        for param in self.params:
            if isinstance(param.value, Identifier):
                self.identifiers[param.name] = param.value.name
        for task in self.plan.tasks or ():
            self.actor(task.name)
        for name in self.plan.workload.tasks if self.plan.workload is not None else ():
            self.actor(name)
        source, target = source_dialect(self.plan, self.backend.dialect), self.backend.dialect
        if source is not target:
            self.translator = self.translators.between(source, target, frozenset(self.identifiers))

    def actor(self, task: str) -> int:
        return self.actors.setdefault(task, len(self.actors))

    def block(self, steps: Sequence[Step], path: Path) -> Code:
        code: list[Instruction] = []
        self._append(code, steps, path)
        return tuple(code)

    def workload(self, workload: Workload) -> LoweredWorkload:
        """Every action for every task."""
        return LoweredWorkload(
            workload=workload,
            codes=tuple(
                {
                    deed.name: self.block(steps_for_task(deed.body, task), ("workload", "actions", deed.name, "do"))
                    for deed in workload.actions
                }
                for task in workload.tasks
            ),
        )

    def _append(self, code: list[Instruction], steps: Sequence[Step], path: Path) -> None:
        name = self.backend.name
        for i, step in enumerate(steps):
            options, at = step.options, (*path, i)
            if name in options.skip or (options.only and name not in options.only):
                continue
            match step:
                case SqlStep():
                    code.append(self._sql(step, at))
                case Checkout():
                    code.append(self._verb(Opcode.CHECKOUT, step, f"checkout {step.pool}", at, pool=step.pool))
                case Return():
                    code.append(self._verb(Opcode.RETURN, step, "return", at))
                case Await():
                    code.append(self._verb(Opcode.AWAIT, step, f"await {step.task or 'all'}", at))
                case Check():
                    code.append(self._check(step, at))
                case Sleep():
                    code.append(self._sleep(step, at))
                case Fault():
                    self._fault(step, at)
                case For():
                    self._for(code, step, at)
                case Retry():
                    self._retry(code, step, at)
                case _:
                    assert_never(step)

    def _sql(self, step: SqlStep, at: Path) -> Instruction:
        override = self._override(step.options)
        sql = (override and override.sql) or step.sql
        expectation = step.expect if override is None or override.expect is None else override.expect
        # What only one backend runs is in its own words, as an override is.
        is_own = sql is not step.sql or step.options.only == (self.backend.name,)
        is_refused = expectation is not None and all(isinstance(one, ExpectedError) for one in expectation)
        statement = self._statement(sql, is_own=is_own, is_refused=is_refused, at=at)
        judging = self._judging(expectation, sql.ordered, at)
        options, moves_tx = step.options, sql.kind in _MOVING
        return Instruction(
            kind=Opcode.SQL,
            task=step.task,
            path=at,
            what=sql.text,
            actor=self.actor(step.task),
            has_expectation=expectation is not None,
            ordered=sql.ordered,
            statement=statement,
            parameters=statement.parameters,
            sole=statement.parameters[0] if len(statement.parameters) == 1 else None,
            bind=_binder(statement.parameters),
            judge=judging.judge,
            wanted=judging.wanted,
            expectation=expectation,
            may_block=judging.may_block,
            nondeterministic=self._is_volatile(sql, expectation),
            moves_tx=moves_tx,
            is_plain=expectation is not None and not moves_tx and options.label is None,
            override=override.backend if override else None,
            label=options.label,
            timeout_us=options.timeout_us or self.plan.timeout_us,
        )

    def _is_volatile(self, sql: Sql, expectation: Expectation | None) -> bool:
        """Whether the answer is another one every time; then so is what the expectation binds, from here on."""
        text = sql.text
        found = nondeterministic_part(text) is not None
        if not found and not (
            self.nondeterministic and any(isinstance(p, Variable) and p.name in self.nondeterministic for p in sql.fragments)
        ):
            return False
        for alternative in expectation or ():
            if isinstance(alternative, ExactRows):
                self.nondeterministic |= {cell.name for row in alternative.rows for cell in row if isinstance(cell, Binding)}
        return True

    def _statement(self, sql: Sql, *, is_own: bool, is_refused: bool, at: Path) -> Statement:
        if self.translator is not None and not is_own:
            translated = self.translator.translate(sql)
            if isinstance(translated, Sql):
                sql = translated
            elif not is_refused:
                # What is expected to fail may be sent as it stands; anything else has to be carried faithfully.
                raise _Refused(f"{_place(at)}: {translated.message}; {translated.help}")
        statement = self.backend.compile(sql, self.identifiers)
        if isinstance(statement, Refusal):
            raise _Refused(f"{_place(at)}: {statement.reason}")
        return statement

    def _verb(self, kind: Opcode, step: Checkout | Return | Await, what: str, at: Path, pool: str = "") -> Instruction:
        override = self._override(step.options)
        expectation = step.expect if override is None or override.expect is None else override.expect
        judging = self._judging(expectation, ordered=False, at=None)
        return Instruction(
            kind=kind,
            task=step.task or "",
            path=at,
            what=what,
            actor=self.actor(step.task) if step.task else -1,
            has_expectation=expectation is not None,
            judge=judging.judge,
            expectation=expectation,
            may_block=judging.may_block,
            override=override.backend if override else None,
            label=step.options.label,
            timeout_us=step.options.timeout_us,
            pool=pool,
        )

    def _check(self, step: Check, at: Path) -> Instruction:
        override = self._override(step.options)
        return Instruction(
            kind=Opcode.CHECK,
            task=step.task or "",
            path=at,
            what="check",
            actor=self.actor(step.task) if step.task else -1,
            has_expectation=True,
            expression=(override and override.expression) or step.expression,
            override=override.backend if override else None,
        )

    def _sleep(self, step: Sleep, at: Path) -> Instruction:
        actor = self.actor(step.task) if step.task else -1
        return Instruction(
            kind=Opcode.SLEEP, task=step.task or "", path=at, what="sleep", actor=actor, duration_us=step.duration_us
        )

    def _fault(self, step: Fault, at: Path) -> None:
        words = " ".join(map(str, step.words))
        raise _Refused(f"{_place(at)}: {self.backend.name} cannot do `fault: {words}`")

    def _for(self, code: list[Instruction], step: For, at: Path) -> None:
        head = len(code)
        code.append(Instruction(kind=Opcode.FOR, task="", path=at, what="for"))  # replaced below, once its end is known
        self._append(code, step.body, (*at, "do"))
        code.append(Instruction(kind=Opcode.NEXT, task="", path=at, what="for", variable=step.variable, target=head))
        code[head] = Instruction(
            kind=Opcode.FOR,
            task="",
            path=at,
            what=f"for {step.variable}",
            variable=step.variable,
            over=step.over,
            target=len(code),
        )

    def _retry(self, code: list[Instruction], step: Retry, at: Path) -> None:
        head = len(code)
        attempts = RetryPolicy(times=step.times, classes=frozenset(step.classes), every_us=step.every_us)
        code.append(Instruction(kind=Opcode.TRY, task="", path=at, what="retry"))
        self._append(code, step.body, (*at, "do"))
        code.append(Instruction(kind=Opcode.TRIED, task="", path=at, what="retry", target=head))
        actors = {op.actor for op in code[head:] if op.actor >= 0}
        code[head] = Instruction(
            kind=Opcode.TRY,
            task="",
            path=at,
            what="retry",
            actor=actors.pop() if len(actors) == 1 else -1,
            attempts=attempts,
            target=len(code),
        )

    def _override(self, options: StepOptions) -> Override | None:
        for override in options.overrides:
            if override.backend == self.backend.name:
                return override
        return None

    def _judging(self, expectation: Expectation | None, ordered: bool, at: Path | None) -> _Judging:
        """What an expectation becomes. ``at`` is the place of a statement, which can wait only where locks do."""
        if expectation is None:
            return _UNJUDGED
        key = (id(expectation), ordered)  # the plan keeps it alive, and templates share it between lines
        judging = self.judgings.get(key)
        if judging is None:
            capabilities = self.backend.capabilities
            waits = [isinstance(alternative, Blocks) for alternative in expectation]
            judging = self.judgings[key] = _Judging(
                judge=compile_expectation(expectation, ordered=ordered, boolean_type=capabilities.boolean_type),
                wanted=exact_match(expectation),
                may_block=True in waits,
                must_block=False not in waits,
            )
        if judging.must_block and at is not None and not self.backend.capabilities.blocks_on_locks:
            raise _Refused(
                f"{_place(at)} expects to wait for a lock, and on {self.backend.name} nothing does: "
                f"write `{self.backend.name}: => error busy` beside it"
            )
        return judging


def _binder(names: tuple[str, ...]) -> Callable[[Mapping[str, Value]], tuple[Value, ...]] | None:
    match names:
        case ():
            return None
        case (name,):
            return lambda env: (env[name],)
        case _:
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

    def between(self, source: Dialect, target: Dialect, identifiers: frozenset[str]) -> Translator:
        """``identifiers`` are the variables that stand for names."""
        from simdsl.dialect.translation import Translator  # most plans are sent as they stand

        key = (source, target, identifiers)
        if key not in self._known:
            self._known[key] = Translator(source, target, identifiers)
        return self._known[key]
