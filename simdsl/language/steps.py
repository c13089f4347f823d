"""Reading steps: which kind of step it is, which options it may have, and its statement.

``Steps`` reads every step and reports everything wrong with it; verbs read their own arguments (`simdsl.verbs`).
``FastSteps`` reads the statements that plans are mostly made of, and returns None for all others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, TypeAlias

from simdsl.plan.backend_facts import BACKEND_NAMES, dialect_of_backend
from simdsl.plan.codes import Code
from simdsl.plan.diagnostics import Path
from simdsl.plan.expectations import Expectation
from simdsl.plan.sql import Dialect, Sql, SqlKind
from simdsl.plan.steps import (
    NO_OPTIONS,
    STEP_OPTIONS,
    VERBS,
    Override,
    SqlStep,
    Step,
    StepOptions,
    fast_options,
    fast_sql_step,
)
from simdsl.syntax.document import Data, source_text
from simdsl.syntax.expectations import is_lint_free, lint_session, lint_statement
from simdsl.syntax.fields import NAME, TASK_NAME, FieldReader, StepContext, describe_data
from simdsl.syntax.problems import ParseError, ParseIssue, Problems, did_you_mean, nearest
from simdsl.syntax.sql_lines import SqlLine, SqlLineParser
from simdsl.verbs.base import Overrides, verb_named, verbs
from simdsl.verbs.base.parsing import SessionArgumentsParser, VerbSource

# The steps that later checks have to look at, by their index in each list. False: only because of a label. All others
# are plain statements, in which there is nothing to check: a plan of 10,000 of them is not walked through again.
Remarkable: TypeAlias = Mapping[Path, Mapping[int, bool]]


class Steps:
    """Reads the steps of one plan, whose pools and dialect are known by now. It is the ``StepReader`` of verbs."""

    def __init__(self, fields: FieldReader, dialect: Dialect, pools: tuple[str, ...]) -> None:
        self.fields = fields
        self.problems: Problems = fields.problems
        self.pools = pools
        self._dialect = dialect
        self._lines = SqlLineParser(dialect)
        self.session_arguments = SessionArgumentsParser(fields.problems, self._lines)
        self._override_lines: dict[str, SqlLineParser] = {}
        self.remarkable: dict[Path, dict[int, bool]] = {}
        self._tasks: dict[str, bool] = {}  # names seen as tasks, and whether they can be
        self._fast = FastSteps(self._lines, self._lines_of, self._tasks)

    def read(self, data: Data, path: Path, context: StepContext) -> tuple[Step, ...]:
        """All steps of a list, each at its index; one that cannot be read is reported, and is ``UNREADABLE``."""
        items = self.fields.items(data, path)
        if items is None:
            return ()
        steps: list[Step] = []
        remarkable: dict[int, bool] = {}
        fast = self._fast.in_steps if context.owner is None else self._fast.of_an_owner
        for index, item in enumerate(items):
            step: Step | None = fast(item, context)
            if step is None:
                step = self._step(item, (*path, index), context) or UNREADABLE
                remarkable[index] = True
            elif step.options.label is not None:
                remarkable[index] = False
            steps.append(step)
        self.remarkable[path] = remarkable
        return tuple(steps)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that steps have named so far, in the order of the text."""
        return tuple(name for name, good in self._tasks.items() if good)

    def declare_task(self, name: str, path: Path, key: bool = True) -> bool:
        """See ``StepReader``. ``tasks:`` and steps declare tasks; a bad name is reported where it comes first."""
        good = self._tasks.get(name)
        if good is None:
            good = self._tasks[name] = self.fields.task_name(name, path, key=key)
        return good

    def _step(self, item: Data, path: Path, context: StepContext) -> Step | None:
        if isinstance(item, dict):
            return self._mapping(item, path, context)
        if isinstance(item, str) and context.owner is not None:
            return self._sql(item, {}, path, context.owner, context, NO_OPTIONS)
        if isinstance(item, str):
            self.problems.add(
                Code.S009, "this step does not name its task", path, help="put a task's name before it: `a: ...`"
            )
        else:
            self.problems.add(Code.S004, f"a step is text, not {describe_data(item)}", path, help=_BLOCK)
        return None

    def _mapping(self, item: dict[str, Data], path: Path, context: StepContext) -> Step | None:
        key = self._own_key(item, path, context)
        if key is None:
            return None
        value = item[key]
        if key in VERBS:
            return self._verb(key, item, path, context)
        task = self._task(key, (*path, key), context)
        options = self._options(item, path, "sql", context)
        if not isinstance(value, str):
            self.problems.add(Code.S004, f"a step is text, not {describe_data(value)}", (*path, key), help=_BLOCK)
            return None
        return None if task is None else self._sql(value, item, (*path, key), task, context, options)

    def _verb(self, name: str, item: dict[str, Data], path: Path, context: StepContext) -> Step | None:
        verb, where = verb_named(name), (*path, name)
        if context.section not in verb.sections:
            code, message, help_ = verb.misplaced(context)
            self.problems.add(code, message, where, key=True, help=help_)
            return None
        options = self._options(item, path, name, context)
        text = source_text(item[name])
        if text is None:
            self.problems.add(Code.S005, f"text is expected here, not {describe_data(item[name])}", where)
            return None
        try:
            # The line break that ends a `|` block is YAML's, and no part of what the plan says.
            step: Step | None = verb.parse(
                VerbSource(text=text.rstrip("\n"), item=item, path=path, context=context, options=options), self
            )
        except ParseError as error:
            self.fields.report(error, where)
            return None
        return step

    def body(self, source: VerbSource) -> tuple[Step, ...]:
        """The steps under ``do:`` of a verb."""
        if "do" in source.item:
            return self.read(source.item["do"], (*source.path, "do"), source.context)
        help_ = "the steps to repeat stand under `do:`"
        self.problems.add(Code.S003, "the key `do` is missing", source.path, help=help_)
        return ()

    def _own_key(self, item: dict[str, Data], path: Path, context: StepContext) -> str | None:
        """The one key that says what the step is; other keys that are no options are reported."""
        own = [key for key in item if key not in _NOT_OWN]
        if not own:
            self.problems.add(
                Code.S009, "this step does not say what it does", path, help="a task's name, `sql` or a verb does"
            )
            return None
        if len(own) == 1:
            meant = own[0]
        # Of several, the one that is meant is probably a verb or `sql`, else one that is not nearly the name of an option:
        # one typo should give one diagnostic, at the typo.
        else:
            meant = next((key for key in own if key in VERBS or key == "sql"), None) or next(
                (key for key in own if TASK_NAME.fullmatch(key) and nearest(key, _BESIDE) is None), own[0]
            )
        for key in own if len(own) > 1 else ():
            if key != meant:
                self.problems.add(
                    Code.S009,
                    f"this step is `{meant}` already, so `{key}` cannot stand here",
                    (*path, key),
                    key=True,
                    help=did_you_mean(key, _BESIDE),
                )
        if "do" in item and not (meant in VERBS and verb_named(meant).has_body):
            blocks = " and ".join(f"`{verb.name}`" for verb in verbs() if verb.has_body)
            self.problems.add(Code.S012, f"`do` belongs to {blocks}", (*path, "do"), key=True)
        return meant

    def _task(self, key: str, path: Path, context: StepContext) -> str | None:
        """The task that runs the SQL under this key."""
        if context.owner is None:
            if key != "sql":
                return key if self.declare_task(key, path) else None
            self.problems.add(Code.S011, "in `steps:` a task's name stands before its SQL, not `sql`", path, key=True)
            return None
        if key in ("sql", context.owner) and (key == "sql" or context.section == "tasks"):
            return context.owner
        if context.section == "tasks":
            message = f"this is the list of `{context.owner}`, so `{key}` cannot stand here"
        elif context.section == "workload":
            message = f"an action is any task's, so `{key}` cannot stand here"
        else:
            message = f"`{context.section}` has no tasks, so `{key}` cannot stand here"
        options = (*(verb.name for verb in verbs() if context.section in verb.sections), "sql")
        option = nearest(key, options)
        help_ = f"did you mean `{option}`?" if option else "write the SQL alone, or `sql:` before it"
        self.problems.add(Code.S011, message, path, key=True, help=help_)
        return None

    # Options

    def _options(self, item: dict[str, Data], path: Path, kind: str, context: StepContext) -> StepOptions:
        """The options of a step of this kind, overrides included."""
        if len(item) == 1 or (len(item) == 2 and "do" in item):
            return NO_OPTIONS  # one object, so that most steps share it
        verb = None if kind == "sql" else verb_named(kind)
        if "label" in item and verb is not None and not verb.takes_label:
            self.problems.add(Code.S012, f"`{kind}` has no `label`", (*path, "label"), key=True)
        if "timeout" in item and verb is not None and not verb.takes_timeout:
            self.problems.add(Code.S012, f"`{kind}` has no `timeout`", (*path, "timeout"), key=True)
        if "label" in item and context.section == "workload":
            message = "an action runs many times, so none of its steps has a `label`"
            self.problems.add(Code.S012, message, (*path, "label"), key=True, help="`?x` in an expectation keeps a value")
        label = self.fields.text(item["label"], (*path, "label")) if "label" in item else None
        if label is not None and not self.fields.name(label, (*path, "label"), "label"):
            label = None
        if "skip" in item and "only" in item:
            self.problems.add(Code.R145, "a step has `skip` or `only`, not both", (*path, "only"), key=True)
        return StepOptions(
            label=label,
            overrides=tuple(
                override
                for backend in item
                if backend in _BACKENDS and (override := self._override(item[backend], (*path, backend), kind, context))
            ),
            skip=self.fields.words(item["skip"], (*path, "skip"), BACKEND_NAMES) if "skip" in item else (),
            only=self.fields.words(item["only"], (*path, "only"), BACKEND_NAMES) if "only" in item else (),
            why=self.fields.text(item["why"], (*path, "why")) if "why" in item else None,
            timeout_us=self.fields.duration_us(item["timeout"], (*path, "timeout")) if "timeout" in item else None,
        )

    def _override(self, data: Data, path: Path, kind: str, context: StepContext) -> Override | None:
        backend = str(path[-1])
        verb = None if kind == "sql" else verb_named(kind)
        if verb is not None and verb.overrides is Overrides.NONE:
            self.problems.add(Code.R045, f"`{kind}` is the same on every backend", path, key=True, help=_ONLY)
            return None
        is_own = verb is not None and verb.overrides is Overrides.OWN
        text = source_text(data) if is_own else data
        if not isinstance(text, str):
            self.problems.add(Code.S004, f"a step is text, not {describe_data(data)}", path, help=_BLOCK)
            return None
        try:
            if verb is not None and is_own:
                return verb.parse_override(text, backend)
            line = self._lines_of(backend).parse(text)
        except ParseError as error:
            self.fields.report(error, path)
            return None
        if line.sql is not None and verb is not None:
            message = f"here only the expectation of `{kind}` can differ"
            self.problems.add(Code.R045, message, path, help="for example `=> blocks`")
            return None
        if verb is not None and line.expect is not None:
            lint_session(self.problems, kind, line.expect, text, path, sessions=context.section == "steps")
        return Override(backend=backend, sql=line.sql, expect=line.expect)

    def _lines_of(self, backend: str) -> SqlLineParser:
        """Override lines are lexed in the backend's own dialect."""
        dialect = dialect_of_backend(backend) or self._dialect
        if dialect is self._dialect:
            return self._lines
        lines = self._override_lines.get(dialect)
        if lines is None:
            lines = self._override_lines[dialect] = SqlLineParser(dialect)
        return lines

    # SQL

    def _sql(
        self, text: str, item: dict[str, Data], path: Path, task: str, context: StepContext, options: StepOptions
    ) -> SqlStep | None:
        try:
            line: SqlLine = self._lines.parse(text)
        except ParseError as error:
            self.fields.report(error, path)
            return None
        if line.sql is None:
            self.problems.add_issue(
                ParseIssue(code=Code.G107, message="there is no statement before the arrow", end=len(text)), path
            )
            return None
        if line.expect is not None and not line.lint_free:
            lint_statement(self.problems, line.sql, line.expect, text, path, sessions=context.section == "steps")
        if context.section == "invariants":
            if line.expect is None:
                self.problems.add(Code.R027, "an invariant has an expectation", path, help="for example `=> 0`")
            if line.sql.kind in _WRITING:
                self.problems.add(Code.R027, "an invariant is a query", path)
        for override in options.overrides:
            self._check_override(override, line, item, (*path[:-1], override.backend), context)
        return SqlStep(task=task, sql=line.sql, expect=line.expect, options=options)

    def _check_override(
        self, override: Override, base: SqlLine, item: dict[str, Data], path: Path, context: StepContext
    ) -> None:
        sql = override.sql or base.sql
        expect = override.expect or base.expect
        if sql is not None and expect is not None and not is_lint_free(sql, expect):
            text = source_text(item.get(override.backend, "")) or ""
            lint_statement(self.problems, sql, expect, text, path, sessions=context.section == "steps")


# Takes the place of a step that cannot be read, so that the others keep their index, which diagnostics locate them by.
# No plan that is run holds one.
UNREADABLE: Final = SqlStep(task="", sql=Sql(fragments=(), kind=SqlKind.OTHER))
_BESIDE: Final = (*STEP_OPTIONS, *BACKEND_NAMES, "do")
_NOT_OWN: Final = frozenset(_BESIDE)
_BACKENDS: Final = frozenset(BACKEND_NAMES)
_WRITING: Final = frozenset({SqlKind.DML, SqlKind.DDL, SqlKind.TRANSACTION})
_BLOCK: Final = "write it as text; a `|` block keeps everything"
_ONLY: Final = "`only:` and `skip:` say where a step runs"


class FastSteps:
    """Fast path of ``Steps``: statements in which nothing can be wrong, in one look at each.

    It never reports; for anything unusual it returns None, and ``Steps`` reads the step again and reports. Measured with
    10,000 steps on one line each: 3.9 us a step against 9.8 us; with a label and an override each: 9.3 against 18.2 us.

    ``tasks`` are the tasks that were declared so far and whether their names are good; ``Steps`` adds to it.
    """

    def __init__(self, lines: SqlLineParser, lines_of: Callable[[str], SqlLineParser], tasks: Mapping[str, bool]) -> None:
        self._lines = lines
        self._lines_of = lines_of
        self._tasks = tasks
        self._overrides: dict[tuple[str, str], Override | None] = {}  # as read from well-formed texts

    def in_steps(self, item: Data, context: StepContext) -> SqlStep | None:
        """An item of ``steps:``: a mapping of a task to its line, perhaps with options."""
        if item.__class__ is not dict:
            return None
        if len(item) > 1:
            return self._with_options(item)
        for task, text in item.items():
            if text.__class__ is str and self._tasks.get(task):
                return self._lines.step(task, text)
        return None

    def of_an_owner(self, item: Data, context: StepContext) -> SqlStep | None:
        """An item of a list that belongs to a task or a section: the line alone."""
        if not isinstance(item, str) or context.owner is None or context.section == "invariants":
            return None
        return self._lines.step(context.owner, item)

    def _with_options(self, item: dict[str, Data]) -> SqlStep | None:
        """A statement of a known task with a label, a reason and overrides, in one walk over its keys."""
        task = line = label = why = None
        overrides: tuple[Override, ...] = ()
        for key, value in item.items():
            if value.__class__ is not str:
                return None
            if key == "label":
                label = value
            elif key == "why":
                why = value
            elif key in _OVERRIDE_KEYS:
                override = self._override(key, value)
                if override is None:
                    return None
                overrides += (override,)
            elif line is None and self._tasks.get(key):
                task = key
                try:
                    line = self._lines.parse(value)
                except ParseError:
                    return None
            else:
                return None
        if task is None or line is None or line.sql is None or not line.lint_free:
            return None
        if label is not None and NAME.fullmatch(label) is None:
            return None
        for override in overrides:
            if not _is_usual_override(override, line.sql, line.expect):
                return None
        return fast_sql_step(task, line.sql, line.expect, fast_options(label, overrides, why))

    def _override(self, backend: str, text: str) -> Override | None:
        """An override of a statement. Many steps have the same, and share it."""
        try:
            return self._overrides[backend, text]
        except KeyError:
            override = None
            with suppress(ParseError):
                line = self._lines_of(backend).parse(text)
                override = Override(backend=backend, sql=line.sql, expect=line.expect)
            self._overrides[backend, text] = override
            return override


def _is_usual_override(override: Override, sql: Sql, expect: Expectation | None) -> bool:
    """Whether a step has nothing to check on this backend: no variables in its SQL, and an expectation without lint."""
    if override.sql is not None:
        sql = override.sql
        if len(sql.fragments) != 1 or sql.fragments[0].__class__ is not str:
            return False
    expect = override.expect or expect
    return expect is None or is_lint_free(sql, expect)


_OVERRIDE_KEYS: Final = frozenset(BACKEND_NAMES)
