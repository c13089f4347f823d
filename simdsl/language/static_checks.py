"""Checks across the steps of a plan, without a database: names that may be read, and tasks that wait for each other.

Only what is certain is an error: a name that some backend, some alternative or some iteration of a loop may have bound
counts as bound."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from typing import Final

from simdsl.language.steps import UNREADABLE, Remarkable
from simdsl.plan.backend_facts import BACKEND_NAMES
from simdsl.plan.codes import Code
from simdsl.plan.deferred import dataclass, lazy_regex
from simdsl.plan.diagnostics import Path
from simdsl.plan.expectations import Blocks, Expectation, SameAs
from simdsl.plan.expressions import Expression, PoolReference, ResultReference, ResultSlice
from simdsl.plan.plan import Identifier, Plan, WorkloadAction
from simdsl.plan.sql import Sql, SqlKind, Variable
from simdsl.plan.steps import STEP_OPTIONS, BlockStep, ExpectingStep, SqlStep, Step
from simdsl.syntax.document import Data, source_text
from simdsl.syntax.expectations import bound_names, read_names
from simdsl.syntax.expressions import subexpressions
from simdsl.syntax.fields import value_at
from simdsl.syntax.problems import MAX_OPTIONS, ParseIssue, Problems, did_you_mean
from simdsl.syntax.sql_lexer import first_word
from simdsl.verbs.base import verb_of


def check_names(problems: Problems, plan: Plan, data: dict[str, Data], remarkable: Remarkable) -> None:
    """Report every variable, label and pool that a step reads and cannot have.

    ``remarkable`` says, for each list of steps, which of them have names, and which have only a label. The loader collects
    it while it reads, so a plan of 10,000 plain statements is not walked over a second time.
    """
    _NameChecker(problems, plan, data, remarkable).check()


@dataclass(slots=True)
class _Scope:
    """The names that the steps of one list may read. Dictionaries, so that suggestions come in the order of the plan."""

    variables: dict[str, None]
    labels: dict[str, None]
    loops: list[str] = field(default_factory=list)
    owner: str | None = None
    drawn: tuple[str, ...] = ()

    def copy(self, owner: str | None = None) -> _Scope:
        return _Scope(dict(self.variables), dict(self.labels), [], owner)


class _NameChecker:
    def __init__(self, problems: Problems, plan: Plan, data: dict[str, Data], remarkable: Remarkable) -> None:
        self._remarkable = remarkable
        self._problems = problems
        self._plan = plan
        self._data = data
        self._identifiers = {param.name for entry in plan.params for param in entry if isinstance(param.value, Identifier)}
        pools = data.get("pools")
        self._pools = tuple(pools) if isinstance(pools, dict) else ()
        self._labels: dict[str, str] = {}  # every label, and its owner: a task or section
        self._binders: dict[str, str] = {}  # names that tasks bind, and the task that does

    def check(self) -> None:
        plan = self._plan
        setup = _Scope(_param_names(self._data.get("params", [])), {})
        # First all labels and binders of the plan, so that a wrong use can be told from an unknown name.
        self._collect()
        self.list(plan.setup, ("setup",), setup)
        seen = dict(setup.labels)
        if plan.steps is not None:
            scope = setup.copy()
            self.list(plan.steps, ("steps",), scope)
            seen |= scope.labels
        for task in plan.tasks or ():
            scope = setup.copy(task.name)
            self.list(task.steps, ("tasks", task.name), scope)
            seen |= scope.labels
        for action in plan.workload.actions if plan.workload is not None else ():
            self._action(action, ("workload", "actions", action.name), setup.copy())
        self.list(plan.invariants, ("invariants",), setup.copy())
        # `finally` runs whatever happened: it may ask for any step by label, but not read a variable that may be unbound.
        last = setup.copy()
        last.labels |= seen
        self.list(plan.finally_, ("finally",), last)

    def _action(self, action: WorkloadAction, path: Path, scope: _Scope) -> None:
        """An action reads params, the variables of setup, the values sampled for it, and what it binds itself."""
        drawn = value_at(self._data, (*path, "with"))  # from the data, since one with a mistake is not in the plan
        for name in drawn if isinstance(drawn, dict) else ():
            if name in scope.variables:
                message = f"`{name}` is a variable already, so no value of this name can be sampled"
                self._problems.add(Code.N013, message, (*path, "with", name), key=True)
            scope.variables[name] = None
            scope.drawn = (*scope.drawn, name)
        self.list(action.body, (*path, "do"), scope)

    # All names of the plan

    def _collect(self) -> None:
        plan = self._plan
        self._collect_from(plan.setup, ("setup",), "setup")
        self._collect_from(plan.steps or (), ("steps",), "")
        for task in plan.tasks or ():
            self._collect_from(task.steps, ("tasks", task.name), task.name)
        self._collect_from(plan.finally_, ("finally",), "finally")
        self._collect_from(plan.invariants, ("invariants",), "invariants")

    def _collect_from(self, steps: tuple[Step, ...], path: Path, owner: str) -> None:
        tasks = bool(self._plan.tasks)
        # Only steps with names of some kind, so the cost is theirs and not that of the whole plan.
        for index, more in self._remarkable.get(path, {}).items():
            step = steps[index]
            label = step.options.label
            if label is not None:
                if label in self._labels:
                    self._problems.add(Code.N004, f"the label `{label}` is used twice", (*path, index, "label"))
                else:
                    self._labels[label] = owner
            if not more:
                continue
            if step is UNREADABLE:
                names, labels = _possible_names(value_at(self._data, (*path, index)))
                self._labels |= dict.fromkeys(labels, owner)
                self._binders |= dict.fromkeys(names if tasks else (), owner)
            elif isinstance(step, BlockStep):
                self._collect_from(step.body, (*path, index, "do"), owner)
            elif tasks and isinstance(step, SqlStep) and step.expect is not None:
                for name in _bound(step.expect):
                    self._binders.setdefault(name, owner)

    # The names that a step reads

    def list(self, steps: tuple[Step, ...], path: Path, scope: _Scope) -> None:
        for index, more in self._remarkable.get(path, {}).items():
            step = steps[index]
            if not more and step.options.label is not None:
                scope.labels[step.options.label] = None
            elif step is UNREADABLE:
                names, labels = _possible_names(value_at(self._data, (*path, index)))
                scope.variables |= dict.fromkeys(names)
                scope.labels |= dict.fromkeys(labels)
            else:
                self._step(step, (*path, index), scope)

    def _step(self, step: Step, path: Path, scope: _Scope) -> None:
        if isinstance(step, SqlStep):
            self._sql(step.sql, path, scope)
            self.expectations(step.expect, step, path, scope)
        else:
            verb_of(step).check_names(step, path, _NamesAt(self, scope))
        if step.options.label is not None:
            scope.labels[step.options.label] = None

    def loop(self, variable: str, steps: tuple[Step, ...], path: Path, scope: _Scope) -> None:
        """Steps of a loop; its variable has a value in them and none behind them."""
        if variable in scope.variables:
            message = f"`{variable}` is a variable already, so no loop can use the name"
            self._at(Code.N009, message, path, rf"{variable}\b", None)
        was = variable in scope.variables
        scope.variables[variable] = None
        scope.loops.append(variable)
        self.list(steps, (*path, "do"), scope)
        scope.loops.pop()
        if not was:
            del scope.variables[variable]

    def expectations(self, expect: Expectation | None, step: Step, path: Path, scope: _Scope) -> None:
        """Reads come before binds: ``$x`` next to ``?x`` is the value that ``x`` had before."""
        expectations = [] if expect is None else [(expect, path)]
        for override in step.options.overrides:
            place = (*path, override.backend)
            if override.sql is not None:
                self._sql(override.sql, place, scope)
            if override.expect is not None:
                expectations.append((override.expect, place))
        for one, place in expectations:
            self._reads(one, place, scope)
        for one, place in expectations:
            for name in _bound(one):
                if name in scope.drawn:
                    self._at(Code.N013, f"`{name}` is drawn", place, rf"\?{name}\b", "bind another name")
                elif name in scope.loops:
                    self._at(Code.N009, f"`{name}` is the variable of a loop", place, rf"\?{name}\b", None)
                else:
                    scope.variables[name] = None

    def _reads(self, expect: Expectation, where: Path, scope: _Scope) -> None:
        for name in read_names(expect):
            self.variable(name, where, scope)
        for alternative in expect:
            if isinstance(alternative, SameAs):
                self._label(alternative.label, where, rf"same\s+as\s+({alternative.label})\b", scope)

    def _sql(self, sql: Sql, where: Path, scope: _Scope) -> None:
        if len(sql.fragments) == 1 and isinstance(sql.fragments[0], str):
            return
        # Once for each name, in the order of the text.
        names = dict.fromkeys(part.name for part in sql.fragments if isinstance(part, Variable))
        # DDL and SET take no bound values in any driver; a value there would have to be pasted into the text.
        unbindable = sql.kind is SqlKind.DDL or first_word(sql) in _UNBINDABLE
        for name in names:
            if unbindable and name not in self._identifiers:
                self._at(
                    Code.R010,
                    f"no value can be bound here, so `${name}` cannot stand in this statement",
                    where,
                    rf"\${name}\b",
                    f"write the value out; a name of a table can be a param: `{{{name}: {{identifier: t1}}}}`",
                )
            self.variable(name, where, scope)

    def expression(self, expression: Expression, where: Path, scope: _Scope) -> None:
        # A name that occurs twice in one expression is reported once.
        seen: dict[Expression, None] = {}
        for part in subexpressions(expression):
            if part in seen:
                continue
            seen[part] = None
            match part:
                case Variable(name=name):
                    self.variable(name, where, scope)
                case ResultReference(label=label) | ResultSlice(label=label):
                    self._label(label, where, rf"\(\s*({label})\b", scope)
                case PoolReference(pool=pool) if pool not in self._pools:
                    help_ = did_you_mean(pool, self._pools) if self._pools else "this plan has no `pools:`"
                    self._at(Code.N011, f"there is no pool `{pool}`", where, rf"(?<=pool\.){pool}\b", help_)
                case _:  # other parts of an expression have no names
                    pass

    def variable(self, name: str, where: Path, scope: _Scope) -> None:
        if name in scope.variables:
            return
        other = self._binders.get(name)
        pattern = rf"\${name}\b"
        # Known, but bound in another task: whether that ran before depends on the schedule.
        if other is not None and scope.owner is not None and other not in (scope.owner, ""):
            message = f"`${name}` is bound by the task `{other}`"
            self._at(Code.N008, message, where, pattern, "a task reads params, setup's variables and its own")
            return
        few = scope.variables if len(scope.variables) <= MAX_OPTIONS else ()  # writing out 100,000 names takes 10 ms
        help_ = (
            did_you_mean(f"${name}", tuple(f"${known}" for known in few))
            or "`?x` in an expectation binds, and so does `params:`"
        )
        if where[0] in ("finally", "invariants"):
            help_ = f"`{where[0]}` reads params and setup's variables"
        self._at(Code.N007, f"nothing has bound `${name}`", where, pattern, help_)

    def _label(self, label: str, where: Path, pattern: str, scope: _Scope) -> None:
        if label in scope.labels:
            return
        other = self._labels.get(label)
        if other is not None and scope.owner is not None and other not in (scope.owner, "setup"):
            message = f"`{label}` is a label of the task `{other}`"
            self._at(Code.N006, message, where, pattern, "only its owner and `finally` can use it")
        elif other is not None:
            self._at(Code.N005, f"no step before this one has the label `{label}`", where, pattern, None)
        else:
            help_ = did_you_mean(label, self._labels)
            self._at(Code.N005, f"no step has the label `{label}`", where, pattern, help_)

    # The position of a name, needed only to report it

    def _text_path(self, path: Path) -> Path:
        item = value_at(self._data, path)
        own = [key for key in item if key not in _BESIDE] if isinstance(item, dict) else []
        return (*path, own[0]) if own else path

    def _at(self, code: Code, message: str, where: Path, pattern: str, help_: str | None) -> None:
        """Report a problem with a part of a step (or of an override): the part of its text that the pattern matches."""
        # The path of a step is that of its mapping; its text is under the key of the task or verb.
        where = self._text_path(where)
        found = value_at(self._data, where)
        text = source_text(found) if found is not None else None
        match = re.search(pattern, text) if text is not None else None
        start, end = match.span(match.lastindex or 0) if match is not None else (0, None)
        self._problems.add_issue(ParseIssue(code=code, message=message, start=start, end=end, help=help_), where)


@dataclass(frozen=True, slots=True)
class _NamesAt:
    """What a verb may ask of the names at its step: see ``verbs.base.NameChecker``."""

    checker: _NameChecker
    scope: _Scope

    def variable(self, name: str, path: Path) -> None:
        self.checker.variable(name, path, self.scope)

    def expression(self, expression: Expression, path: Path) -> None:
        self.checker.expression(expression, path, self.scope)

    def expectations(self, step: ExpectingStep, path: Path) -> None:
        self.checker.expectations(step.expect, step, path, self.scope)

    def steps(self, steps: tuple[Step, ...], path: Path) -> None:
        self.checker.list(steps, path, self.scope)

    def loop(self, variable: str, steps: tuple[Step, ...], path: Path) -> None:
        self.checker.loop(variable, steps, path, self.scope)


def _bound(expect: Expectation) -> Iterator[str]:
    for alternative in expect:
        yield from bound_names(alternative)


def _param_names(data: Data) -> dict[str, None]:
    """The keys of all entries, well-formed or not: a param whose value has a mistake is not unknown as well."""
    entries = data if isinstance(data, list) else []
    return {name: None for entry in entries if isinstance(entry, dict) for name in entry}


def _possible_names(data: Data | None) -> tuple[list[str], list[str]]:
    """The names that an unreadable step may bind and the labels that it may have: its uses are not reported as well."""
    names: list[str] = []
    labels: list[str] = []
    if isinstance(data, dict):
        label = data.get("label")
        labels += [label] if isinstance(label, str) else []
    for inner in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        more_names, more_labels = _possible_names(inner)
        names += more_names
        labels += more_labels
    if isinstance(data, str):
        names += _BINDING.findall(data)
    return names, labels


_BINDING: Final = lazy_regex(r"\?([a-z_][a-z0-9_]*)")
_UNBINDABLE: Final = frozenset({"SET", "PRAGMA"})
_BESIDE: Final = frozenset((*STEP_OPTIONS, *BACKEND_NAMES, "do"))


def check_steps(problems: Problems, plan: Plan, tasks: tuple[str, ...], remarkable: Remarkable) -> None:
    """Report what is wrong with steps of verbs by themselves, and uses of connections that are blocked.

    ``tasks`` are the names that steps use; ``remarkable`` tells which steps need to be looked at. A plan of 10,000 plain
    statements has none, and costs nothing here.
    """
    if plan.steps is not None:
        if any(more and _matters(plan.steps[index]) for index, more in remarkable.get(("steps",), {}).items()):
            _BlockedTasks(problems, tasks).walk(plan.steps, ("steps",))
        _check_verbs(problems, plan.steps, ("steps",), remarkable)
    for task in plan.tasks or ():
        _check_verbs(problems, task.steps, ("tasks", task.name), remarkable)


def _matters(step: Step) -> bool:
    """Whether a step may block a task or await one. Without such a step no walk is needed."""
    return not isinstance(step, SqlStep) or (step.expect is not None and isinstance(step.expect[0], Blocks))


class _BlockedTasks:
    """The tasks that are certainly blocked at a step of ``steps:``: by a statement that has not been awaited."""

    def __init__(self, problems: Problems, tasks: tuple[str, ...], blocked: dict[str, None] | None = None) -> None:
        self._problems = problems
        self._tasks = tasks
        self._blocked = blocked or {}

    def walk(self, steps: tuple[Step, ...], path: Path) -> None:
        """Walk over a list of steps, in order."""
        for index, step in enumerate(steps):
            place = (*path, index)
            if step is UNREADABLE:
                self._blocked.clear()  # it may have been an await
            elif isinstance(step, BlockStep):
                inside = _BlockedTasks(self._problems, self._tasks, dict(self._blocked))
                inside.walk(step.body, (*place, "do"))
                # The body of a loop may never run, so only what is blocked in both cases is certain.
                for task in [task for task in self._blocked if task not in inside._blocked]:
                    del self._blocked[task]
            elif isinstance(step, SqlStep):
                self.acts(step, step.task, place)
            else:
                verb_of(step).check_blocked(step, place, self)

    def acts(self, step: ExpectingStep, key: str, path: Path) -> None:
        """See ``verbs.base.BlockedTasks``."""
        assert step.task is not None
        if step.task in self._blocked:
            message = f"the statement of `{step.task}` is still blocked"
            self._problems.add(Code.R031, message, (*path, key), help=f"await it first: `await: {step.task}`")
        elif _certainly_blocks(step):
            self._blocked[step.task] = None

    def awaits(self, task: str | None, path: Path) -> None:
        """See ``verbs.base.BlockedTasks``."""
        if task is None:
            self._blocked.clear()
            return
        if task not in self._tasks:
            message = f"there is no task `{task}`"
            self._problems.add(Code.N010, message, (*path, "await"), help=did_you_mean(task, self._tasks))
        self._blocked.pop(task, None)


def _certainly_blocks(step: ExpectingStep) -> bool:
    """Whether a step blocks its task on every backend: not if an override, ``skip`` or ``only`` may say otherwise."""
    options, expect = step.options, step.expect
    if expect is None or len(expect) != 1 or not isinstance(expect[0], Blocks):
        return False
    return not (options.overrides or options.skip or options.only)


def _check_verbs(problems: Problems, steps: tuple[Step, ...], path: Path, remarkable: Remarkable) -> None:
    for index, more in remarkable.get(path, {}).items():
        step, place = steps[index], (*path, index)
        if more and not isinstance(step, SqlStep):
            verb_of(step).check(step, place, problems)
            if isinstance(step, BlockStep):
                _check_verbs(problems, step.body, (*place, "do"), remarkable)
