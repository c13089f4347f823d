"""The arguments of verbs: the text behind ``for:``, ``retry:``, ``checkout:``, ``return:``, ``await:`` and others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from simdsl.plan.codes import Code
from simdsl.plan.expectations import FixedPoint, Scalar, TypedLiteral
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.schedules import ExhaustiveSchedule, ExplicitSchedule, RecordedSchedule
from simdsl.plan.sql import Variable
from simdsl.plan.steps import IntegerBounds, ItemList
from simdsl.syntax.cells import duration_us, integer, issue_at, leaf, value_of, variable_of
from simdsl.syntax.expectations import error_class
from simdsl.syntax.grammar import parse
from simdsl.syntax.problems import ParseError

if TYPE_CHECKING:
    from simdsl.syntax.grammar import Branch, Leaf


MAX_ITERATIONS: Final = 100_000


class NameToken(NamedTuple):
    """A name, and where it stands in its text."""

    name: str
    start: int
    end: int


class ForArguments(NamedTuple):
    """``i in 1..$n``."""

    variable: NameToken
    over: IntegerBounds | ItemList


class RetryArguments(NamedTuple):
    """``3 times on busy every 5ms``."""

    times: int
    classes: tuple[ErrorClass, ...]
    every_us: int | None


class SessionArguments(NamedTuple):
    """``a from main``, ``a``, ``from main`` or nothing."""

    task: NameToken | None
    pool: NameToken | None


VerbArguments: TypeAlias = ForArguments | RetryArguments | SessionArguments


def parse_for(text: str) -> ForArguments:
    """The head of ``for:``. Like all functions here it raises ``Refused`` with offsets into this text."""
    branch = parse("for_head", text)
    variable, over = leaf(branch), branch.children[1]
    assert not isinstance(over, str)
    if over.data == "items":
        return ForArguments(
            _named(variable), ItemList(items=tuple(_item(c) for c in over.children if not isinstance(c, str)))
        )
    first, last = (_bound(child) for child in over.children if not isinstance(child, str))
    if isinstance(first, int) and isinstance(last, int) and last - first >= MAX_ITERATIONS:
        tokens = list(over.scan_values(lambda value: isinstance(value, str)))
        raise ParseError(
            issue_at(Code.R048, f"a loop runs at most {MAX_ITERATIONS:,} times", tokens[-1]),
        )
    return ForArguments(_named(variable), IntegerBounds(first=first, last=last))


def parse_retry(text: str) -> RetryArguments:
    """The head of ``retry:``."""
    branch = parse("retry_head", text)
    tokens = [child for child in branch.children if isinstance(child, str)]
    times = integer(tokens[0])
    if times < 1:
        raise ParseError(issue_at(Code.G207, "a retry makes one attempt at least", tokens[0]))
    classes = tuple(dict.fromkeys(error_class(token) for token in tokens if token.type == "NAME"))
    every = next((duration_us(token) for token in tokens if token.type == "DURATION"), None)
    return RetryArguments(times, classes, every)


def parse_session(verb: str, text: str) -> SessionArguments:
    """The head of ``checkout:``, ``return:`` or ``await:``; ``await: all`` is no task."""
    found: dict[str, NameToken] = {}
    for child in parse(f"{verb}_head", text).children:
        if not isinstance(child, str) and child.children:
            found[child.data] = _named(leaf(child))
    return SessionArguments(found.get("of_task"), found.get("of_pool"))


def parse_fault(text: str) -> tuple[str | int, ...]:
    """Words and integers."""
    tokens = [child for child in parse("fault", text).children if isinstance(child, str)]
    return tuple(integer(token) if token.type == "NUMBER" else str(token) for token in tokens)


def parse_schedule(text: str) -> ExplicitSchedule | RecordedSchedule | ExhaustiveSchedule:
    """The forms of ``schedule:`` that are text."""
    branch = parse("schedule", text)
    tokens = [child for child in branch.children if isinstance(child, str)]
    match branch.data:
        case "all":
            return ExhaustiveSchedule()
        case "words":
            return ExplicitSchedule(words=tuple(map(str, tokens)))
        case _:
            return RecordedSchedule(choices=tuple(integer(token) for token in tokens if token.type == "NUMBER"))


def _named(token: Leaf) -> NameToken:
    return NameToken(str(token), token.start_pos or 0, token.end_pos or 0)


def _bound(branch: Branch) -> int | Variable:
    token = leaf(branch, -1)
    if token.type == "VARIABLE":
        return Variable(name=token[1:])
    return integer(token, negative=len(branch.children) == 2)


def _item(branch: Branch) -> Scalar | FixedPoint | TypedLiteral | Variable:
    return variable_of(branch) if branch.data == "variable" else value_of(branch)
