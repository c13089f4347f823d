"""The plans that a call runs: those of files or generated ones, filtered, and with what the command line overrides.

Filters (``-k 'pool and not slow'`` over names and files, ``--tag`` over tags) are words, ``and``, ``or``, ``not`` and
parentheses; ``and`` binds tighter than ``or``, and two words without an operator between them must both match.

On the command line a file is taken as named. A directory is searched recursively in name order, without hidden files;
inside one, only files that look like a plan count (a top-level key ``simdsl``, or ``plan`` with ``steps`` or
``tasks``), so other YAML and JSON may lie beside plans. A pattern (``*`` ``?`` ``[``) is expanded unless a file of
exactly that name exists. ``FILE:LINE`` is the step at that line."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from simdsl.cli.option_groups import ScheduleOptions
from simdsl.cli.output import Exit, Stop, print_diagnostics, usage
from simdsl.cli.requests import RunRequest
from simdsl.language.load import check
from simdsl.language.sections import parse_schedule
from simdsl.plan.codes import Code
from simdsl.plan.deferred import dataclass, lazy_regex
from simdsl.plan.diagnostics import Diagnostic, Severity
from simdsl.plan.plan import (
    ExplicitSchedule,
    PctSchedule,
    Plan,
    RandomSchedule,
    RecordedSchedule,
    Reset,
    ResetMode,
    Schedule,
    strip_seeds,
)
from simdsl.syntax.document import Document
from simdsl.syntax.files import MAX_BYTES, ReadResult, read_bytes, read_file
from simdsl.syntax.problems import ParseError

if TYPE_CHECKING:
    from simdsl.cli.generate import GeneratedPlans


SUFFIXES: Final = (".yaml", ".yml", ".json")


STDIN: Final = "-"


# A plan has its keys at the top; a large JSON export beside plans must not be read as a whole.
_SNIFFED_BYTES: Final = 64 * 1024


_LINE: Final = lazy_regex(r"(?P<file>.+):(?P<line>[0-9]+)")


_YAML_KEY: Final = lazy_regex(rb"""^["']?([a-z]+)["']?[ \t]*:(?=\s|$)""", re.MULTILINE)


_JSON_TOKEN: Final = lazy_regex(rb'"(?:[^"\\]|\\.)*"(\s*:)?|[{}\[\]]', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPath:
    """A file to work on, and the line at which to stop, if one was given."""

    file: str
    line: int | None = None

    @property
    def text(self) -> str:
        """As the command line would name it again."""
        return self.file if self.line is None else f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPaths:
    """The files in the order of the arguments, each once, and what could not be looked at."""

    targets: tuple[PlanPath, ...]
    problems: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedPlan:
    """A file that was read. ``plan`` is None if it is wrong; ``diagnostics`` are in the order of its text."""

    target: PlanPath
    document: Document | None
    plan: Plan | None
    diagnostics: tuple[Diagnostic, ...]


def find_files(arguments: Iterable[str], *, lines: bool = False) -> FoundPaths:
    """The files that the arguments mean; ``lines`` allows ``FILE:LINE``. Raises ``Stop`` if there are no arguments."""
    targets: dict[tuple[str, int | None], PlanPath] = {}
    problems: list[Diagnostic] = []
    arguments = list(arguments)
    if not arguments:
        raise usage(Code.U001, "no path was given", help="name a plan, a directory or a pattern: simdsl run plans/")
    for argument in arguments:
        for target in _expand(argument, lines, problems):
            # A directory and a file in it may both be named, or a link and its target: each file is run once.
            targets.setdefault((os.path.realpath(target.file), target.line), target)
    return FoundPaths(targets=tuple(targets.values()), problems=tuple(problems))


def open_plans(found: FoundPaths, stdin_filename: str | None = None) -> list[OpenedPlan]:
    """Every file, read and loaded. ``stdin_filename`` is what standard input is called."""
    return [_open(target, stdin_filename) for target in found.targets]


def read_path(target: PlanPath, stdin_filename: str | None = None) -> ReadResult:
    """A file, or standard input if it is called ``-``."""
    if target.file == STDIN:
        return read_bytes(sys.stdin.buffer.read(MAX_BYTES + 1), stdin_filename or "<stdin>")
    return read_file(target.file)


def looks_like_a_plan(head: bytes, *, is_json: bool) -> bool:
    """Whether the beginning of a file has the keys of a plan at its top level."""
    keys = _json_keys(head) if is_json or head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{" else set(_YAML_KEY.findall(head))
    return b"simdsl" in keys or (b"plan" in keys and not keys.isdisjoint({b"steps", b"tasks", b"workload"}))


def _open(target: PlanPath, stdin_filename: str | None) -> OpenedPlan:
    checked = check(read_path(target, stdin_filename))
    return OpenedPlan(target=target, document=checked.document, plan=checked.plan, diagnostics=checked.diagnostics)


def _expand(argument: str, lines: bool, problems: list[Diagnostic]) -> Iterator[PlanPath]:
    if os.path.isdir(argument):
        yield from _search(argument, problems)
        return
    if os.path.lexists(argument) or argument == STDIN:
        yield PlanPath(file=argument)
        return
    match = _LINE.fullmatch(argument) if lines else None
    if match is not None and os.path.lexists(match["file"]) and not os.path.isdir(match["file"]):
        yield PlanPath(file=match["file"], line=int(match["line"]))
        return
    if glob.has_magic(argument):
        yield from _matching(argument, problems)
        return
    problems.append(Diagnostic(code=Code.F001, message=Code.F001.title, file=argument, help=_nearby(argument)))


def _matching(pattern: str, problems: list[Diagnostic]) -> Iterator[PlanPath]:
    found = sorted(glob.glob(pattern, recursive=True))
    if not found:
        problems.append(Diagnostic(code=Code.U002, message="this pattern matches no file", file=pattern))
    for path in found:
        if os.path.isdir(path):
            # `**` meets directories on its way; what is in them it meets too.
            if "**" not in pattern:
                yield from _search(path, problems)
        else:
            yield PlanPath(file=path)


def _search(directory: str, problems: list[Diagnostic]) -> Iterator[PlanPath]:
    def refuse(error: OSError) -> None:
        message = f"cannot be read: {error.strerror}"
        problems.append(Diagnostic(code=Code.F002, message=message, file=str(error.filename or directory)))

    paths: list[str] = []
    for folder, inner, names in os.walk(directory, onerror=refuse):
        inner[:] = [name for name in inner if not name.startswith(".")]
        paths += [os.path.join(folder, name) for name in names if name.endswith(SUFFIXES) and not name.startswith(".")]
    for path in sorted(paths, key=lambda path: path.split(os.sep)):
        if _is_plan(path, refuse):
            yield PlanPath(file=path)


def _is_plan(path: str, refuse: Callable[[OSError], None]) -> bool:
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            return looks_like_a_plan(file.read(_SNIFFED_BYTES), is_json=path.endswith(".json"))
    except OSError as error:
        refuse(error)
        return False


def _json_keys(head: bytes) -> set[bytes]:
    keys: set[bytes] = set()
    depth = 0
    for match in _JSON_TOKEN.finditer(head):
        token = match.group()
        if token in (b"{", b"["):
            depth += 1
        elif token in (b"}", b"]"):
            depth -= 1
        elif depth == 1 and match[1] is not None:
            keys.add(token[1 : token.index(b'"', 1)])
    return keys


def _nearby(path: str) -> str | None:
    """The name in the same directory that was probably meant."""
    import difflib  # start-up: only for a path that does not exist

    folder, name = os.path.split(path)
    try:
        names = sorted(os.listdir(folder or "."))
    except OSError:
        return None
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean `{os.path.join(folder, close[0])}`?" if close else None


DEFAULT_RUNS: Final = 3
"""How many plans are generated, of each property, unless the call says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedPlan:
    """A plan that will run. ``original`` is what its file says, ``plan`` what the command line makes of it."""

    name: str  # how the command line names it: its file with `:LINE`, or the name of its generator and seed
    file: str
    read: Callable[[], Document]  # its text; that of a generated plan is only written for a report
    original: Plan
    plan: Plan
    seed: int
    arguments: tuple[str, ...] = ()  # for a generated plan: what selects it on the command line, in place of the name
    generator: str | None = None  # the profile or the property of a generated plan

    @property
    def document(self) -> Document:
        """The text of the plan, with the positions of everything in it."""
        return self.read()


@dataclass(slots=True, kw_only=True)
class Selection:
    """The plans of a call in their order; generated ones are made one by one, as they are asked for."""

    plans: Iterator[SelectedPlan]
    count: int  # how many there will be
    generators: Mapping[str, str] = field(default_factory=dict)  # of generated plans, by their names
    _seen: dict[str, SelectedPlan] = field(default_factory=dict)

    def __iter__(self) -> Iterator[SelectedPlan]:
        for plan in self.plans:
            # Listeners ask for a plan by its name, when it has failed and in reports at the end of the call.
            self._seen[plan.name] = plan
            yield plan

    def __getitem__(self, name: str) -> SelectedPlan:
        """A plan that was given out, by its name."""
        return self._seen[name]

    def all(self) -> list[SelectedPlan]:
        """All of them at once; they can be iterated over again afterwards."""
        found = list(self.plans)
        self.plans = iter(found)
        self.count = len(found)
        self.generators = {one.name: one.generator for one in found if one.generator is not None}
        return found


def select_plans(request: RunRequest, seed: int, generated: GeneratedPlans | None = None) -> Selection:
    """The plans that the call names, as the command line wants them. Raises ``Stop`` if one is invalid.

    ``seed`` is for plans that have none of their own; ``generated`` makes the plans if they are not in files.
    """
    matches = _matcher(request)
    reset = _reset(request)
    if generated is not None:
        runs = request.runs or DEFAULT_RUNS
        made = _generated(generated, request, seed, runs, reset)
        generators = generated.names(seed, runs)
        selected = (one for one in made if matches(one.name, one.original))
        selection = Selection(plans=selected, count=len(generators), generators=generators)
        if request.keyword is not None or request.tags:
            selection.all()  # only the plans themselves tell how many match
        return selection
    opened = open_files(request.paths, every_run_is_checked=bool(request.differential) or request.doublecheck)
    chosen = [one for one in opened if one.plan is not None and matches(one.target.file, one.plan)]
    plans = [select(one, request, seed, reset) for one in chosen]
    return Selection(plans=iter(plans), count=len(plans))


def open_files(paths: Sequence[str], *, show_warnings: bool = True, every_run_is_checked: bool = False) -> list[OpenedPlan]:
    """The plans of files. Raises ``Stop`` with everything that is wrong if any of them is invalid.

    Warnings are printed. ``every_run_is_checked`` says that runs are compared anyway, so that a plan without expectations
    deserves no warning.
    """
    found = find_files(paths, lines=True)
    opened = open_plans(found)
    diagnostics = [*found.problems, *(diagnostic for one in opened for diagnostic in one.diagnostics)]
    # All or nothing: results of some plans would hide that others never ran.
    if any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics):
        raise Stop(Exit.BAD_INPUT, *diagnostics)
    if show_warnings:
        shown = [one for one in diagnostics if not (every_run_is_checked and one.code is Code.W002)]
        print_diagnostics(shown, sys.stderr)
    return opened


def select(opened: OpenedPlan, overrides: ScheduleOptions, seed: int, reset: Reset | None = None) -> SelectedPlan:
    """A plan of a file with what the command line overrides. Raises ``Stop`` where the two do not fit."""
    document, original, target = opened.document, opened.plan, opened.target
    assert document is not None
    assert original is not None
    plan = original
    # The line is one of the file, so it is looked up before anything else changes the plan.
    if target.line is not None:
        plan = _up_to_line(plan, document, target.file, target.line)
    plan = _overridden(plan, overrides, target.file, reset)
    return SelectedPlan(
        name=target.text,
        file=target.file,
        read=lambda: document,
        original=original,
        plan=strip_seeds(plan),  # one seed decides, the one chosen here; otherwise --seed would lose to the plan's own
        seed=_seed(plan, overrides.seed, seed),
    )


def _generated(
    generated: GeneratedPlans, request: RunRequest, seed: int, runs: int, reset: Reset | None
) -> Iterator[SelectedPlan]:
    for one in generated.plans(seed, runs):
        plan = _overridden(one.plan, request, one.name, reset)
        yield SelectedPlan(
            name=one.name,
            file=one.name,
            read=one.document,
            original=one.plan,
            plan=strip_seeds(plan),
            seed=_seed(plan, one.seed, seed),
            arguments=one.arguments,
            generator=one.generator,
        )


def _overridden(plan: Plan, overrides: ScheduleOptions, file: str, reset: Reset | None) -> Plan:
    if overrides.schedule is not None:
        plan = _scheduled(plan, overrides.schedule, file)
    if reset is not None:
        plan = replace(plan, reset=reset)
    return plan if overrides.params is None else _with_params(plan, overrides.params, file)


def _up_to_line(plan: Plan, document: Document, file: str, line: int) -> Plan:
    if plan.steps is None:
        raise usage(
            Code.U003,
            "only a plan with `steps:` has a single order that can be cut at a line",
            about=f"{file}:{line}",
            help="`--unroll FILE` writes one of its runs as `steps:`",
        )
    path = document.path_at(line)
    if path is None or path[0] != "steps" or not isinstance(path[1], int):
        raise usage(Code.U003, "there is no step of `steps:` at this line or below it", about=f"{file}:{line}")
    return replace(plan, steps=plan.steps[: path[1] + 1])


def _scheduled(plan: Plan, text: str, file: str) -> Plan:
    if plan.steps is not None:
        raise usage(Code.U005, "a plan with `steps:` has no schedule; the order of its steps is one", about=file)
    try:
        found: Schedule = parse_schedule(text)
    except ParseError as error:
        trouble = error.issues[0]
        raise usage(Code.U005, f"--schedule `{text}`: {trouble.message}", about=file, help=trouble.help) from None
    # Checked here, where the option can be named: at run time the plan would be blamed.
    names = [task.name for task in plan.tasks or ()] if plan.workload is None else list(plan.workload.tasks)
    for entry in found.entries if isinstance(found, ExplicitSchedule) else ():
        if entry not in names:
            known = f"the tasks are {', '.join(f'`{name}`' for name in names)}"
            raise usage(Code.U005, f"--schedule `{text}`: there is no task `{entry}`", about=file, help=known)
    for choice in found.choices if isinstance(found, RecordedSchedule) else ():
        if not 1 <= choice <= len(names):
            raise usage(Code.U005, f"--schedule `{text}`: tasks are numbered from 1 to {len(names)}", about=file)
    return replace(plan, schedule=found)


def _with_params(plan: Plan, number: int, file: str) -> Plan:
    if number > len(plan.params):
        entries = "entry" if len(plan.params) == 1 else "entries"
        raise usage(Code.U005, f"--params {number}: the plan has {len(plan.params)} {entries}", about=file)
    return replace(plan, params=(plan.params[number - 1],))


def _seed(plan: Plan, given: int | None, fresh: int) -> int:
    """``--seed``, else the schedule's, else the plan's, else a new one (rules.md 36)."""
    if given is not None:
        return given
    # The schedule's own seed is more specific than the plan's.
    of_schedule = plan.schedule.seed if isinstance(plan.schedule, RandomSchedule | PctSchedule) else None
    return next((seed for seed in (of_schedule, plan.seed) if seed is not None), fresh)


def _reset(request: RunRequest) -> Reset | None:
    modes = [mode.value for mode in ResetMode]
    if request.reset_mode is not None and request.reset_mode not in modes:
        raise usage(Code.U008, f"--reset-mode must be {', '.join(modes[:-1])} or {modes[-1]}, not `{request.reset_mode}`")
    if request.reset_tables:
        return Reset(tables=request.reset_tables, mode=ResetMode(request.reset_mode or ResetMode.DELETE))
    if request.reset_mode is not None:
        raise usage(Code.U008, "--reset-mode has no effect without --reset-table", help="give `--reset-table NAME` too")
    return None


def _matcher(request: RunRequest) -> Callable[[str, Plan], bool]:
    """Whether a plan (by its file, and its content) is one of those that ``-k`` and ``--tag`` ask for."""
    keyword = None if request.keyword is None else _filter("-k", request.keyword)
    tags = [_filter("--tag", tag) for tag in request.tags]

    def matches(file: str, plan: Plan) -> bool:
        # Names are matched as parts and without case, as pytest's -k does; tags are words, so they are matched whole.
        names = (plan.name.lower(), file.lower())
        if keyword is not None and not keyword(lambda word: any(word.lower() in name for name in names)):
            return False
        return not tags or any(tag(lambda word: word in plan.tags) for tag in tags)

    return matches


def _filter(option: str, text: str) -> Filter:
    try:
        return parse_filter(text)
    except BadExpression as error:
        raise usage(Code.U004, f"{option} `{text}`: {error}", help="for example: pool and not slow") from None


Filter: TypeAlias = Callable[[Callable[[str], bool]], bool]
"""Given what it means that a word matches, whether the whole expression does."""


_TOKEN: Final = lazy_regex(r"\s*([()]|[^\s()]+)")


_OPERATORS: Final = frozenset({"and", "or", "not", "(", ")"})


class BadExpression(ValueError):
    """A filter cannot be parsed; the message says why."""


def parse_filter(text: str) -> Filter:
    """The filter that an expression means. Raises ``BadExpression``."""
    parser = _Parser(_TOKEN.findall(text))
    if not parser.tokens:
        raise BadExpression("the expression is empty")
    found = parser.alternatives()
    if parser.tokens:
        raise BadExpression(f"`{parser.tokens[0]}` is unexpected")
    return found


class _Parser:
    """Recursive descent over the tokens that are left."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens

    def alternatives(self) -> Filter:
        parts = [self._all()]
        while self._take("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else lambda matches: any(part(matches) for part in parts)

    def _all(self) -> Filter:
        parts = [self._one()]
        # Two words side by side mean `and`: what most people try first.
        while self._take("and") or (self.tokens and self.tokens[0] not in ("or", ")")):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda matches: all(part(matches) for part in parts)

    def _one(self) -> Filter:
        if self._take("not"):
            negated = self._one()
            return lambda matches: not negated(matches)
        if self._take("("):
            inner = self.alternatives()
            if not self._take(")"):
                raise BadExpression("a parenthesis is not closed")
            return inner
        if not self.tokens or self.tokens[0] in _OPERATORS:
            raise BadExpression(
                f"a word is missing before `{self.tokens[0]}`" if self.tokens else "a word is missing at the end"
            )
        word = self.tokens.pop(0)
        return lambda matches: matches(word)

    def _take(self, token: str) -> bool:
        if self.tokens and self.tokens[0] == token:
            self.tokens.pop(0)
            return True
        return False
