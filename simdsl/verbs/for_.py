"""``for: i in 1..$n``: repeat steps for each value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, assert_never

from simdsl.core.evaluation import constant_value
from simdsl.core.verdicts import FailureKind
from simdsl.plan.codes import Code
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.expectations import FixedPoint, Scalar, TypedLiteral
from simdsl.plan.outcomes import Outcome
from simdsl.plan.sql import Variable
from simdsl.plan.steps import NO_OPTIONS, BlockStep, Step, StepOptions
from simdsl.plan.values import Value
from simdsl.syntax.expressions import integer, issue_at, leaf, value_of, variable_of
from simdsl.syntax.grammar import parse
from simdsl.syntax.printer import bound_text, cell_text
from simdsl.syntax.problems import ParseError
from simdsl.verbs.base import EVERYWHERE, Lowering, NameChecker, Verb
from simdsl.verbs.base.parsing import StepReader, VerbSource
from simdsl.verbs.base.runtime import Frame, Instruction, RunStopped, Runtime, TaskThread, at_step, unbound

if TYPE_CHECKING:
    from simdsl.syntax.grammar import Branch

MAX_ITERATIONS: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerBounds:
    """``1..$n``, both ends included; empty when the first is larger."""

    first: int | Variable
    last: int | Variable


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemList:
    """``[1, 'a', $x]``."""

    items: tuple[Scalar | FixedPoint | TypedLiteral | Variable, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class For(BlockStep):
    """``for: i in 1..$n`` with ``do:``."""

    variable: str
    over: IntegerBounds | ItemList
    body: tuple[Step, ...]
    options: StepOptions = NO_OPTIONS


class ForVerb(Verb[For]):
    """See ``For``."""

    name = "for"
    step = For
    summary = "A loop: `i in 1..$n`, both ends included, or `i in [1, 'a', $x]`. The steps stand under `do`."
    sections = EVERYWHERE

    def parse(self, source: VerbSource, reader: StepReader) -> For:
        """The body is read even where the head cannot be, so that everything wrong is reported at once."""
        body = reader.body(source)
        head = parse_for(source.text)
        return For(variable=head.variable, over=head.over, body=body, options=source.options)

    def text(self, step: For) -> str:
        """``i in 1..3``."""
        return f"{step.variable} in {over_text(step.over)}"

    def check_names(self, step: For, path: Path, names: NameChecker) -> None:
        """The bounds are read before the variable has a value; the body is read with one."""
        over = step.over
        for bound in (over.first, over.last) if isinstance(over, IntegerBounds) else over.items:
            if isinstance(bound, Variable):
                names.variable(bound.name, path)
        names.loop(step.variable, step.body, path)

    def lower(self, step: For, path: Path, code: list[Instruction], lowering: Lowering) -> None:
        """The head, the body, and a jump back to behind the head."""
        head = EnterLoop(task="", path=path, what=f"for {step.variable}", variable=step.variable, over=step.over, target=-1)
        index = len(code)
        code.append(head)  # its target is known only when the body is lowered
        lowering.steps(code, step.body, (*path, "do"))
        code.append(NextIteration(task="", path=path, what="for", variable=step.variable, target=index))
        head.target = len(code)


class ForArguments(NamedTuple):
    """``i in 1..$n``."""

    variable: str
    over: IntegerBounds | ItemList


def parse_for(text: str) -> ForArguments:
    """What stands behind ``for:``. Raises ``ParseError`` with offsets into the text."""
    branch = parse("for_head", text)
    variable, over = str(leaf(branch)), branch.children[1]
    assert not isinstance(over, str)
    parts = [child for child in over.children if not isinstance(child, str)]
    if over.data == "items":
        return ForArguments(variable, ItemList(items=tuple(map(_item, parts))))
    first, last = map(_bound, parts)
    # Bounds that are variables are not limited here; a schedule or a timeout of the caller ends such a run.
    if isinstance(first, int) and isinstance(last, int) and last - first >= MAX_ITERATIONS:
        tokens = list(over.scan_values(lambda value: isinstance(value, str)))
        raise ParseError(issue_at(Code.R048, f"a loop runs at most {MAX_ITERATIONS:,} times", tokens[-1]))
    return ForArguments(variable, IntegerBounds(first=first, last=last))


def over_text(over: IntegerBounds | ItemList) -> str:
    """What a loop runs over, as a plan writes it."""
    match over:
        case IntegerBounds():
            return f"{bound_text(over.first)}..{bound_text(over.last)}"
        case ItemList():
            return f"[{', '.join(map(cell_text, over.items))}]"
        case _:
            assert_never(over)


def loop_values(over: IntegerBounds | ItemList, env: Mapping[str, Value]) -> Sequence[Value]:
    """The values that a loop runs through. Raises ``KeyError`` for an unbound variable, ``TypeError`` for a bad bound."""
    if isinstance(over, ItemList):
        return tuple(env[item.name] if isinstance(item, Variable) else constant_value(item) for item in over.items)
    first, last = (env[end.name] if isinstance(end, Variable) else end for end in (over.first, over.last))
    if type(first) is not int or type(last) is not int:  # not isinstance: True is no bound
        raise TypeError("the ends of a range are integers")
    return range(first, last + 1)


@dataclass(slots=True, kw_only=True, eq=False)
class LoopFrame(Frame):
    """A loop that a thread is inside of."""

    head: int
    variable: str
    following: Iterator[Value]  # the values of the iterations to come

    def recover(self, runtime: Runtime, thread: TaskThread, outcome: Outcome | None) -> bool:
        """A failure ends the loop."""
        return False


@dataclass(slots=True, kw_only=True, eq=False)
class EnterLoop(Instruction):
    """Begins the first iteration, or jumps to ``target``, behind the loop, if there is none."""

    verb = "for"
    is_free = True
    variable: str
    over: IntegerBounds | ItemList

    def iterations(self, env: Mapping[str, Value]) -> int:
        """One where the bounds are not known yet: a step that has not run binds them."""
        try:
            return max(len(loop_values(self.over, env)), 1)
        except (KeyError, TypeError):
            return 1

    def execute(self, runtime: Runtime, thread: TaskThread) -> None:
        """Raises ``RunStopped`` for bounds that are unbound or no integers."""
        try:
            following = iter(loop_values(self.over, thread.env))
        except KeyError as error:
            raise RunStopped(unbound(self, error.args[0])) from None
        except TypeError as error:
            raise RunStopped(at_step(self, FailureKind.ERROR, str(error))) from None
        # At most one pass: the iterator then stands at the second value, which `NextIteration` takes.
        for first in following:
            thread.frames.append(LoopFrame(head=thread.pc, variable=self.variable, following=following))
            thread.env[self.variable] = first
            thread.pc += 1
            return
        thread.pc = self.target


@dataclass(slots=True, kw_only=True, eq=False)
class NextIteration(Instruction):
    """The end of the body: jumps to behind ``target``, the head, or leaves the loop.

    The interpreter's fast path does the same without a call (`Interpreter._run_plain_statements`): change both.
    """

    verb = "next"
    is_free = True
    variable: str

    def execute(self, runtime: Runtime, thread: TaskThread) -> None:
        """The variable has no value behind the loop, so that one that a plan forgot to bind there is noticed."""
        frame = thread.frames[-1]
        assert type(frame) is LoopFrame
        for value in frame.following:
            thread.env[self.variable] = value
            thread.pc = self.target + 1
            return
        thread.frames.pop()
        del thread.env[self.variable]
        thread.pc += 1


def _bound(branch: Branch) -> int | Variable:
    token = leaf(branch, -1)
    if token.type == "VARIABLE":
        return Variable(name=token[1:])
    return integer(token, negative=len(branch.children) == 2)


def _item(branch: Branch) -> Scalar | FixedPoint | TypedLiteral | Variable:
    return variable_of(branch) if branch.data == "variable" else value_of(branch)


VERB: Final = ForVerb()
