"""The texts of verbs, from text: heads of ``for`` and ``retry``, of ``checkout``, ``return`` and ``await``, and others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from simdsl.language.cells import duration_us, integer, leaf, trouble, value_of, variable_of
from simdsl.language.expectations import error_class
from simdsl.language.grammar import parse
from simdsl.language.problems import Refused, Trouble
from simdsl.plan.codes import Code
from simdsl.plan.ir import Choices, Exhaustive, Fixed, Items, Range, Scalar, Typed, Var, Words
from simdsl.plan.outcomes import ErrorClass

if TYPE_CHECKING:
    from simdsl.language.grammar import Branch, Leaf

MAX_ITERATIONS: Final = 100_000


class Named(NamedTuple):
    """A name, and where it stands in its text."""

    name: str
    start: int
    end: int


class ForHead(NamedTuple):
    """``i in 1..$n``."""

    variable: Named
    over: Range | Items


class RetryHead(NamedTuple):
    """``3 times on busy every 5ms``."""

    times: int
    classes: tuple[ErrorClass, ...]
    every_us: int | None


class SessionHead(NamedTuple):
    """``a from main``, ``a``, ``from main`` or nothing."""

    task: Named | None
    pool: Named | None


Head: TypeAlias = ForHead | RetryHead | SessionHead


def parse_for(text: str) -> ForHead:
    """The head of ``for:``. Like all functions here it raises ``Refused`` with offsets into this text."""
    branch = parse("for_head", text)
    variable, over = leaf(branch), branch.children[1]
    assert not isinstance(over, str)
    if over.data == "items":
        return ForHead(_named(variable), Items(items=tuple(_item(c) for c in over.children if not isinstance(c, str))))
    first, last = (_bound(child) for child in over.children if not isinstance(child, str))
    if isinstance(first, int) and isinstance(last, int) and last - first >= MAX_ITERATIONS:
        tokens = list(over.scan_values(lambda value: isinstance(value, str)))
        raise Refused(
            trouble(Code.R048, f"a loop runs at most {MAX_ITERATIONS:,} times", tokens[-1]),
        )
    return ForHead(_named(variable), Range(first=first, last=last))


def parse_retry(text: str) -> RetryHead:
    """The head of ``retry:``."""
    branch = parse("retry_head", text)
    tokens = [child for child in branch.children if isinstance(child, str)]
    times = integer(tokens[0])
    if times < 1:
        raise Refused(trouble(Code.G207, "a retry makes one attempt at least", tokens[0]))
    classes = tuple(dict.fromkeys(error_class(token) for token in tokens if token.type == "NAME"))
    every = next((duration_us(token) for token in tokens if token.type == "DURATION"), None)
    return RetryHead(times, classes, every)


def parse_session(verb: str, text: str) -> SessionHead:
    """The head of ``checkout:``, ``return:`` or ``await:``; ``await: all`` is no task."""
    found: dict[str, Named] = {}
    for child in parse(f"{verb}_head", text).children:
        if not isinstance(child, str) and child.children:
            found[child.data] = _named(leaf(child))
    return SessionHead(found.get("of_task"), found.get("of_pool"))


def parse_fault(text: str) -> tuple[str | int, ...]:
    """Words and integers."""
    tokens = [child for child in parse("fault", text).children if isinstance(child, str)]
    return tuple(integer(token) if token.type == "NUMBER" else str(token) for token in tokens)


def parse_duration(text: str) -> int:
    """Microseconds."""
    try:
        return duration_us(leaf(parse("duration", text)))
    except Refused as refused:
        if refused.troubles[0].code is Code.G208:
            raise
        message = f"`{text}` is not a duration"
        raise Refused(
            Trouble(code=Code.G208, message=message, end=len(text), help="for example `10us`, `5ms`, `2s`")
        ) from None


def parse_schedule(text: str) -> Words | Choices | Exhaustive:
    """The forms of ``schedule:`` that are text."""
    branch = parse("schedule", text)
    tokens = [child for child in branch.children if isinstance(child, str)]
    match branch.data:
        case "all":
            return Exhaustive()
        case "words":
            return Words(words=tuple(map(str, tokens)))
        case _:
            return Choices(choices=tuple(integer(token) for token in tokens if token.type == "NUMBER"))


def _named(token: Leaf) -> Named:
    return Named(str(token), token.start_pos or 0, token.end_pos or 0)


def _bound(branch: Branch) -> int | Var:
    token = leaf(branch, -1)
    if token.type == "VARIABLE":
        return Var(name=token[1:])
    return integer(token, negative=len(branch.children) == 2)


def _item(branch: Branch) -> Scalar | Fixed | Typed | Var:
    return variable_of(branch) if branch.data == "variable" else value_of(branch)
