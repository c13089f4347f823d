"""Parsing verbs: what a plan says under a verb's key, the loader that reads it, and ``a from main => expectation``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

from simdsl.plan.codes import Code
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.expectations import Expectation
from simdsl.plan.steps import Step, StepOptions
from simdsl.syntax.document import Data
from simdsl.syntax.expectations import lint_session
from simdsl.syntax.expressions import leaf
from simdsl.syntax.fields import FieldReader, StepContext
from simdsl.syntax.grammar import parse
from simdsl.syntax.problems import ParseError, ParseIssue, Problems
from simdsl.syntax.sql_lines import SqlLineParser, split_head

if TYPE_CHECKING:
    from simdsl.syntax.grammar import Leaf


@dataclass(frozen=True, slots=True, kw_only=True)
class VerbSource:
    """What a plan file says under a verb's key, and where."""

    text: str
    item: Mapping[str, Data]  # the whole step: the verb's key and those beside it
    path: Path  # of the step
    context: StepContext
    options: StepOptions


class StepReader(Protocol):
    """The loader, as the verbs of one plan see it while they are parsed."""

    @property
    def problems(self) -> Problems: ...
    @property
    def fields(self) -> FieldReader: ...
    @property
    def pools(self) -> tuple[str, ...]:
        """The names under ``pools:``."""

    @property
    def session_arguments(self) -> SessionArgumentsParser: ...
    def declare_task(self, name: str, path: Path, key: bool = True) -> bool:
        """Whether a name can be a task's; reports once if it cannot. ``key`` says that a key, not a value, names it."""

    def body(self, source: VerbSource) -> tuple[Step, ...]:
        """The steps under ``do:``; reports if there are none."""


class NameToken(NamedTuple):
    """A name, and where it stands in its text."""

    name: str
    start: int
    end: int

    @classmethod
    def of(cls, token: Leaf) -> NameToken:
        """A name that the grammar found."""
        return cls(str(token), token.start_pos or 0, token.end_pos or 0)


class SessionArguments(NamedTuple):
    """``a from main``, ``a``, ``from main`` or nothing; behind an arrow, what is expected."""

    task: NameToken | None
    pool: NameToken | None
    expect: Expectation | None = None


class SessionArgumentsParser:
    """The session arguments of one plan.

    A plan of 10,000 checkouts says but a few different texts, so each is parsed once.
    """

    def __init__(self, problems: Problems, lines: SqlLineParser) -> None:
        self._problems = problems
        self._lines = lines
        self._parsed: dict[tuple[str, str], SessionArguments] = {}

    def parse(self, verb: str, source: VerbSource) -> SessionArguments:
        """The arguments of a verb; reports what its expectation can never be. Raises ``ParseError``."""
        found = self._parsed.get((verb, source.text))
        if found is None:
            found = self._parsed[verb, source.text] = self._parse(verb, source.text)
        if found.expect is not None:
            sessions = source.context.section == "steps"
            lint_session(self._problems, verb, found.expect, source.text, (*source.path, verb), sessions=sessions)
        return found

    def _parse(self, verb: str, text: str) -> SessionArguments:
        head, tail, offset = split_head(text)
        arguments = parse_session(verb, head)
        if tail is None:
            return arguments
        begin = offset + len(tail) - len(tail.lstrip())
        try:
            return arguments._replace(expect=self._lines.expectation(tail))
        except ParseError as error:
            raise ParseError(*(issue.shifted(begin) for issue in error.issues)) from None


def parse_session(verb: str, text: str) -> SessionArguments:
    """What stands before the arrow; ``await: all`` names no task. Raises ``ParseError`` with offsets into the text."""
    found: dict[str, NameToken] = {}
    for child in parse(f"{verb}_head", text).children:
        if not isinstance(child, str) and child.children:
            found[child.data] = NameToken.of(leaf(child))
    return SessionArguments(found.get("of_task"), found.get("of_pool"))


def session_task(arguments: SessionArguments, verb: str, source: VerbSource, reader: StepReader) -> str | None:
    """The task whose connection is meant: the one that is named, or the owner of the list. Raises ``ParseError``."""
    context, task = source.context, arguments.task
    if context.owner is None:
        if task is None:
            message = f"`{verb}` needs the name of a task"
            raise ParseError(ParseIssue(code=Code.G202, message=message, help=f"for example `{verb}: a`"))
        return task.name if reader.declare_task(task.name, (*source.path, verb), False) else None
    if task is not None and (task.name != context.owner or context.section == "workload"):
        whose = "an action is any task's" if context.section == "workload" else f"this is the list of `{context.owner}`"
        message = f"{whose}, so `{task.name}` cannot be meant"
        raise ParseError(ParseIssue(code=Code.S011, message=message, start=task.start, end=task.end))
    return context.owner


def report_missing_pools(verb: str, source: VerbSource, reader: StepReader) -> None:
    """The plan has no ``pools:``, and the verb needs one."""
    help_ = "without `pools:` each task has a connection of its own"
    reader.problems.add(Code.R041, f"`{verb}` needs `pools:`", (*source.path, verb), key=True, help=help_)
