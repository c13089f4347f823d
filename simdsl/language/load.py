"""Loading: from a document to a plan, or to everything that is wrong with it, in the order of the file.

The loader needs no database. It reads the head of a plan first, then the steps of every section, and when all of that
has become IR it looks at what holds across steps: names, waiting, schedules.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from simdsl.language.sections import check_names_of, check_schedule, read_params, read_schedule, read_workload
from simdsl.language.static_checks import check_names, check_steps
from simdsl.language.steps import Steps
from simdsl.plan.backend_facts import BACKEND_NAMES
from simdsl.plan.codes import Code
from simdsl.plan.deferred import dataclass, gc_paused
from simdsl.plan.diagnostics import Diagnostic, Path, PlanError, Problem, Severity
from simdsl.plan.plan import VERSION, Plan, PoolSpec, Reset, ResetMode, Schedule, Task, Workload
from simdsl.plan.sql import Dialect
from simdsl.plan.steps import BlockStep, SqlStep, Step
from simdsl.syntax.document import Data, Document, source_text
from simdsl.syntax.fields import FieldReader, StepContext, describe_data
from simdsl.syntax.files import ReadResult, read_file, read_text
from simdsl.syntax.problems import MAX_PROBLEMS, Problems, TooManyErrors, nearest
from simdsl.syntax.sql_lexer import dialect_of
from simdsl.verbs.base import verb_of


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """The result of loading a document. ``plan`` is None if a problem is an error. Problems are in file order."""

    plan: Plan | None
    problems: tuple[Problem, ...]
    document: Document
    is_cut: bool = False  # there are more problems than are collected


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The result of checking a text. ``plan`` is None if a diagnostic is an error, ``document`` if it could not be read."""

    plan: Plan | None
    diagnostics: tuple[Diagnostic, ...]
    document: Document | None


def load(document: Document) -> LoadResult:
    """Load what was read. Never raises because of what the document contains."""
    plan: Plan | None = None
    with gc_paused():
        problems = Problems(document.is_refused)
        with suppress(TooManyErrors):
            plan = _Loader(problems, document.data).plan()
    found = tuple(problems.found)
    # One problem needs no order, and with none the tree with positions is never built.
    if len(found) > 1:
        found = _in_file_order(found, document)
    return LoadResult(plan=None if problems.has_errors else plan, problems=found, document=document, is_cut=problems.is_cut)


def check(reading: ReadResult) -> CheckResult:
    """Load what was read, and join what the reader and the loader found, in the order of the file.

    If there was more than is collected, the last diagnostic says so (W003).
    """
    document = reading.document
    if document is None:
        return CheckResult(plan=None, diagnostics=_with_note(reading.problems, reading.is_cut), document=None)
    loaded = load(document)
    diagnostics = (*reading.problems, *map(document.diagnose, loaded.problems))
    if reading.problems:
        diagnostics = tuple(sorted(diagnostics, key=_place))
    refused = any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)
    diagnostics = _with_note(diagnostics, reading.is_cut or loaded.is_cut)
    return CheckResult(plan=None if refused else loaded.plan, diagnostics=diagnostics, document=document)


def check_text(text: str, name: str = "<text>") -> CheckResult:
    """Read and load a text."""
    with gc_paused():
        return check(read_text(text, name))


def check_file(path: str) -> CheckResult:
    """Read and load a file."""
    with gc_paused():
        return check(read_file(path))


def load_text(text: str, name: str = "<text>") -> Plan:
    """The plan that a text says. Raises ``PlanError`` with all diagnostics."""
    return _plan(check_text(text, name))


def load_file(path: str) -> Plan:
    """The plan that a file holds. Raises ``PlanError`` with all diagnostics."""
    return _plan(check_file(path))


def _plan(checked: CheckResult) -> Plan:
    if checked.plan is None:
        raise PlanError(checked.diagnostics)
    return checked.plan


def _with_note(diagnostics: tuple[Diagnostic, ...], is_cut: bool) -> tuple[Diagnostic, ...]:
    """The diagnostics, and behind them a note if they are not all that could be said."""
    if not is_cut:
        return diagnostics
    message = f"there are more problems; only the first {MAX_PROBLEMS:,} errors and {MAX_PROBLEMS:,} warnings are collected"
    note = Diagnostic(code=Code.W003, message=message, file=diagnostics[0].file, help="correct these, and check again")
    return (*diagnostics, note)


def _in_file_order(problems: tuple[Problem, ...], document: Document) -> tuple[Problem, ...]:
    places = [(span.line, span.column) if (span := document.locate(p.at)) else (0, 0) for p in problems]
    order = sorted(range(len(problems)), key=lambda number: places[number])
    # Two readers of one text may find the same problem.
    return tuple(dict.fromkeys(problems[number] for number in order))


def _place(diagnostic: Diagnostic) -> tuple[int, int]:
    return (diagnostic.span.line, diagnostic.span.column) if diagnostic.span else (0, 0)


class _Loader:
    """One load. Every method reads one top-level key."""

    def __init__(self, problems: Problems, data: Data) -> None:
        self._problems = problems
        self._fields = FieldReader(problems)
        self._data = data

    def plan(self) -> Plan | None:
        data = self._data
        if not isinstance(data, dict):
            self._problems.add(Code.S001, f"a plan is a mapping, not {describe_data(data)}", ())
            return None
        self._keys(data)
        fields = self._fields
        backends = self._words(data, "backends", BACKEND_NAMES)
        dialect_word = fields.word(data["dialect"], ("dialect",), _DIALECTS) if "dialect" in data else None
        dialect = Dialect(dialect_word) if dialect_word in _DIALECTS else None
        pools = self._pools(data)
        # Pools and the dialect come first: how a line of SQL is lexed, and which pool a verb may name, depends on them.
        steps = Steps(fields, dialect_of(dialect, backends), _keys_of(data.get("pools")))
        setup = self._section(steps, data, "setup")
        ordered = (
            steps.read(data["steps"], ("steps",), StepContext(section="steps", owner=None)) if "steps" in data else None
        )
        tasks = self._tasks(steps, data) if "tasks" in data else None
        workload = read_workload(fields, steps, data["workload"], ("workload",)) if "workload" in data else None
        plan = Plan(
            name=self._name(data),
            doc=fields.text(data["doc"], ("doc",)) if "doc" in data else None,
            tags=self._words(data, "tags"),
            dialect=dialect,
            backends=backends,
            pools=pools,
            params=read_params(fields, data["params"], ("params",)) if "params" in data else (),
            reset=self._reset(data["reset"]) if "reset" in data else None,
            setup=setup,
            steps=ordered,
            tasks=tasks,
            workload=workload,
            schedule=self._schedule(data, tasks, workload),
            finally_=self._section(steps, data, "finally"),
            invariants=tuple(s for s in self._section(steps, data, "invariants") if isinstance(s, SqlStep)),
            properties=self._properties(data),
            seed=fields.integer(data["seed"], ("seed",)) if "seed" in data else None,
            timeout_us=fields.duration_us(data["timeout"], ("timeout",)) if "timeout" in data else None,
        )
        # The plan is built even if there are errors, so that the checks across its steps can report theirs as well.
        self._across(plan, data, steps)
        return plan

    def _across(self, plan: Plan, data: dict[str, Data], steps: Steps) -> None:
        """The checks across steps."""
        # If a whole list is something else, every name that it binds would be reported as unknown.
        if all(isinstance(data.get(name, []), list) for name in ("params", "setup", "steps", "finally", "invariants")):
            check_names(self._problems, plan, data, steps.remarkable)
        check_steps(self._problems, plan, steps.tasks, steps.remarkable)
        # Whether a plan with errors asserts something is not known: the line with the expectation may be the broken one.
        if not self._problems.has_errors and not _asserts_something(plan):
            self._problems.add(Code.W002, "no assertions in this plan", (), help="add an expectation or a `check:`")

    def _keys(self, data: dict[str, Data]) -> None:
        for key in data:
            if key not in _KEYS:
                # Without the list of all keys as help: there are 19 of them.
                option = nearest(key, _KEYS)
                self._problems.add(
                    Code.S002,
                    f"a plan has no key `{key}`",
                    (key,),
                    key=True,
                    help=f"did you mean `{option}`?" if option else None,
                )
        self._version(data)
        if "plan" not in data:
            self._problems.add(Code.S003, "the key `plan` is missing", (), help="it names the plan: `plan: my-first-plan`")
        # Which of two forms is meant is unknown, so the second one is marked and both are read.
        forms = [key for key in _ONE_OF if key in data]
        for other in forms[1:]:
            self._problems.add(Code.S010, f"a plan has `{forms[0]}` or `{other}`, not both", (other,), key=True)
        if not forms:
            self._problems.add(
                Code.S003, "the key `steps` is missing", (), help="`tasks` or `workload` with `schedule` could stand instead"
            )
        is_scheduled = "tasks" in data or "workload" in data
        if "schedule" in data and not is_scheduled:
            message = "`schedule` goes with `tasks`; the order of `steps` is the schedule"
            self._problems.add(Code.S010, message, ("schedule",), key=True)
        if is_scheduled and "schedule" not in data:
            at, example = ("tasks", "all") if "tasks" in data else ("workload", "{runs: 200}")
            self._problems.add(Code.S003, "the key `schedule` is missing", (at,), key=True, help=f"for example `{example}`")

    def _version(self, data: dict[str, Data]) -> None:
        if "simdsl" not in data:
            self._problems.add(Code.S003, "the key `simdsl` is missing", (), help=f"begin with `simdsl: {VERSION}`")
        elif source_text(data["simdsl"]) != str(VERSION):
            message = f"this is not a version of the language that is known here; {VERSION} is"
            self._problems.add(Code.S014, message, ("simdsl",))

    def _name(self, data: dict[str, Data]) -> str:
        text = self._fields.text(data["plan"], ("plan",)) if "plan" in data else ""
        if text is not None and "plan" in data and not _is_slug(text):
            self._problems.add(
                Code.N001,
                f"`{text}` is not a name for a plan",
                ("plan",),
                help="a plan's name has lower-case letters, digits and single hyphens: `my-first-plan`",
            )
        return text or ""

    def _words(self, data: dict[str, Data], key: str, options: tuple[str, ...] | None = None) -> tuple[str, ...]:
        return self._fields.words(data[key], (key,), options) if key in data else ()

    def _properties(self, data: dict[str, Data]) -> tuple[str, ...]:
        if "properties" not in data:
            return ()
        from simdsl.language.property_names import all_names, is_property  # start-up: most plans name no property

        said = data["properties"]
        for i, name in enumerate(map(source_text, said) if isinstance(said, list) else ()):
            if name is not None and name.strip() and not is_property(name):
                option = nearest(name, all_names())
                help_ = f"did you mean `{option}`?" if option else "`simdsl properties` lists them all"
                self._problems.add(Code.N012, f"there is no property `{name}`", ("properties", i), help=help_)
        return self._words(data, "properties")

    def _section(self, steps: Steps, data: dict[str, Data], name: str) -> tuple[Step, ...]:
        return steps.read(data[name], (name,), StepContext(section=name, owner=name)) if name in data else ()

    def _tasks(self, steps: Steps, data: dict[str, Data]) -> tuple[Task, ...]:
        tasks: list[Task] = []
        # Declared before its steps are read, so that a bad name is reported where it is given and not where it is used.
        for name, body in (self._fields.mapping(data["tasks"], ("tasks",)) or {}).items():
            path: Path = ("tasks", name)
            steps.declare_task(name, path)
            tasks.append(Task(name=name, steps=steps.read(body, path, StepContext(section="tasks", owner=name))))
        return tuple(tasks)

    def _schedule(self, data: dict[str, Data], tasks: tuple[Task, ...] | None, workload: Workload | None) -> Schedule | None:
        if "schedule" not in data:
            return None
        schedule = read_schedule(self._fields, data["schedule"], ("schedule",))
        if schedule is not None and tasks is not None:
            check_schedule(self._fields, schedule, tasks, data["schedule"], ("schedule",))
        elif schedule is not None and workload is not None:
            check_names_of(self._fields, schedule, workload.tasks, data["schedule"], ("schedule",))
        return schedule

    def _pools(self, data: dict[str, Data]) -> tuple[PoolSpec, ...]:
        pools: list[PoolSpec] = []
        for name, spec in (self._fields.mapping(data["pools"], ("pools",)) or {}).items() if "pools" in data else ():
            path: Path = ("pools", name)
            good = self._fields.name(name, path, "pool", key=True)
            mapping = self._fields.closed(spec, path, ("size", "timeout", "driver"), required=("size",))
            if mapping is None or "size" not in mapping:
                continue
            size = self._fields.integer(mapping["size"], (*path, "size"), least=1)
            timeout = self._fields.duration_us(mapping["timeout"], (*path, "timeout")) if "timeout" in mapping else None
            driver = self._fields.text(mapping["driver"], (*path, "driver")) if "driver" in mapping else None
            # The default timeout is the class's own, so it is left out rather than repeated here.
            if good and size is not None:
                default = PoolSpec(name=name, size=size, driver=driver)
                pools.append(
                    default if timeout is None else PoolSpec(name=name, size=size, timeout_us=timeout, driver=driver)
                )
        return tuple(pools)

    def _reset(self, data: Data) -> Reset | None:
        mapping = self._fields.closed(data, ("reset",), ("tables", "mode"), required=("tables",))
        if mapping is None or "tables" not in mapping:
            return None
        tables = self._fields.words(mapping["tables"], ("reset", "tables"))
        if "mode" not in mapping:
            return Reset(tables=tables)
        mode = self._fields.word(mapping["mode"], ("reset", "mode"), _MODES)
        return Reset(tables=tables, mode=ResetMode(mode)) if mode in _MODES else None


def _is_slug(text: str) -> bool:
    return all(word.isascii() and word.isalnum() and word == word.lower() for word in text.split("-"))


def _asserts_something(plan: Plan) -> bool:
    """Whether any step has an assertion: an explicit expectation, a check, an invariant, a property."""
    if plan.invariants or plan.properties:
        return True
    actions = plan.workload.actions if plan.workload is not None else ()
    bodies = (*(task.steps for task in plan.tasks or ()), *(action.body for action in actions))
    lists = (plan.setup, plan.steps or (), *bodies, plan.finally_)
    return any(_steps_assert(steps) for steps in lists)


def _steps_assert(steps: tuple[Step, ...]) -> bool:
    for step in steps:
        if isinstance(step, BlockStep):
            if _steps_assert(step.body):
                return True
        elif isinstance(step, SqlStep):
            if step.expect is not None or any(override.expect for override in step.options.overrides):
                return True
        elif verb_of(step).asserts(step):
            return True
    return False


def _keys_of(data: Data | None) -> tuple[str, ...]:
    """The keys of a mapping, well-formed or not: a pool with a mistake in it is not unknown as well."""
    return tuple(data) if isinstance(data, dict) else ()


_KEYS: Final = (
    "simdsl",
    "plan",
    "doc",
    "tags",
    "dialect",
    "backends",
    "pools",
    "params",
    "reset",
    "setup",
    "steps",
    "tasks",
    "workload",
    "schedule",
    "finally",
    "invariants",
    "properties",
    "seed",
    "timeout",
)
_ONE_OF: Final = ("steps", "tasks", "workload")
_DIALECTS: Final = tuple(dialect.value for dialect in Dialect)
_MODES: Final = tuple(mode.value for mode in ResetMode)
