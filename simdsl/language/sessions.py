"""The verbs of sessions: ``checkout``, ``return`` and ``await``, from their text to a step."""

from __future__ import annotations

from collections.abc import Callable

from simdsl.plan.codes import Code
from simdsl.plan.expectations import Expectation
from simdsl.plan.source import Path
from simdsl.plan.steps import Await, Checkout, Return, StepOptions
from simdsl.syntax.expectation_lint import lint_session
from simdsl.syntax.fields import FieldReader, StepContext
from simdsl.syntax.problems import ParseError, ParseIssue, did_you_mean
from simdsl.syntax.sql_lines import SqlLineParser, split_head
from simdsl.syntax.verb_arguments import SessionArguments, parse_session


class SessionVerbs:
    """The sessions of one plan. ``declare`` tells whether a name, which stands at a path, can be a task's.

    Its methods raise ``Refused`` with offsets into their text.
    """

    def __init__(
        self, fields: FieldReader, lines: SqlLineParser, pools: tuple[str, ...], declare: Callable[[str, Path, bool], bool]
    ) -> None:
        self._problems = fields.problems
        self._lines = lines
        self._pools = pools
        self._declare = declare
        self._heads: dict[tuple[str, str], tuple[SessionArguments, Expectation | None]] = {}

    def checkout(self, text: str, path: Path, place: StepContext, options: StepOptions) -> Checkout | None:
        """``a from main``; the pool may be left out if there is one, the task if it is the owner's."""
        head, expect = self._head("checkout", text, path, place)
        task = self._session(head, "checkout", path, place)
        pool = self._pool(head, path)
        if task is None or pool is None:
            return None
        return Checkout(task=task, pool=pool, expect=expect, options=options)

    def give_back(self, text: str, path: Path, place: StepContext, options: StepOptions) -> Return | None:
        """``a``; the task may be left out if it is the owner's."""
        head, expect = self._head("return", text, path, place)
        if not self._pools:
            self._without_pools("return", path)
        task = self._session(head, "return", path, place)
        return None if task is None else Return(task=task, expect=expect, options=options)

    def collect(self, text: str, path: Path, place: StepContext, options: StepOptions) -> Await:
        """``a`` or ``all``."""
        head, expect = self._head("await", text, path, place)
        return Await(task=head.task.name if head.task else None, expect=expect, options=options)

    def _head(self, verb: str, text: str, path: Path, place: StepContext) -> tuple[SessionArguments, Expectation | None]:
        known = self._heads.get((verb, text))
        if known is None:
            known = self._heads[verb, text] = self._parsed(verb, text)
        if known[1] is not None:
            lint_session(self._problems, verb, known[1], text, (*path, verb), sessions=place.section == "steps")
        return known

    def _parsed(self, verb: str, text: str) -> tuple[SessionArguments, Expectation | None]:
        head, behind, offset = split_head(text)
        parsed = parse_session(verb, head)
        if behind is None:
            return parsed, None
        begin = offset + len(behind) - len(behind.lstrip())
        try:
            return parsed, self._lines.expectation(behind)
        except ParseError as refused:
            raise ParseError(*(trouble.shifted(begin) for trouble in refused.troubles)) from None

    def _session(self, head: SessionArguments, verb: str, path: Path, place: StepContext) -> str | None:
        """The task whose connection is meant."""
        if place.owner is None:
            if head.task is None:
                raise ParseError(ParseIssue(code=Code.G202, message="whose connection?", help=f"for example `{verb}: a`"))
            return head.task.name if self._declare(head.task.name, (*path, verb), False) else None
        if head.task is not None and (head.task.name != place.owner or place.section == "workload"):
            whose = "an action is any task's" if place.section == "workload" else f"this is the list of `{place.owner}`"
            message = f"{whose}, so `{head.task.name}` cannot be meant"
            raise ParseError(ParseIssue(code=Code.S011, message=message, start=head.task.start, end=head.task.end))
        return place.owner

    def _pool(self, head: SessionArguments, path: Path) -> str | None:
        if not self._pools:
            self._without_pools("checkout", path)
            return None
        if head.pool is None:
            if len(self._pools) == 1:
                return self._pools[0]
            names = ", ".join(f"`{name}`" for name in self._pools)
            message = f"from which pool: {names}?"
            self._problems.add(Code.R041, message, (*path, "checkout"), help="for example `a from main`")
            return None
        if head.pool.name not in self._pools:
            raise ParseError(
                ParseIssue(
                    code=Code.N011,
                    message=f"there is no pool `{head.pool.name}`",
                    start=head.pool.start,
                    end=head.pool.end,
                    help=did_you_mean(head.pool.name, self._pools),
                )
            )
        return head.pool.name

    def _without_pools(self, verb: str, path: Path) -> None:
        help_ = "without `pools:` each task has a connection of its own"
        self._problems.add(Code.R041, f"`{verb}` needs `pools:`", (*path, verb), key=True, help=help_)
