"""What was read: plain data for the loader, and positions for those who ask.

The data is made of ``dict`` (keys are text), ``list``, ``str`` and two kinds of plain scalars that YAML 1.2 does not
read as text: ``Plain`` and ``Lookalike``. Nothing in it knows where it stands; the loader addresses everything by path
(`simdsl.plan.source.At`), and the first question about a place reads the text again, with positions.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from simdsl.language.tree import ListNode, MapNode, Node, ScalarNode, descend, places
from simdsl.plan.diagnostics import Diagnostic, Problem
from simdsl.plan.ir import Path
from simdsl.plan.source import At, Source, Span
from simdsl.plan.values import INT64_MAX, INT64_MIN


@dataclass(frozen=True, slots=True)
class Plain:
    """A plain scalar that is a null, a boolean or a number: its source text, and that value.

    An empty scalar (``key:`` and nothing more) is ``Plain("", None)``. JSON's numbers and words are of this class too.
    """

    text: str
    value: int | float | bool | None


@dataclass(frozen=True, slots=True)
class Lookalike:
    """A plain scalar that some YAML reads as a number and another does not: ``010 0xff 1_000 .5 1. +1 .inf``.

    Where text is wanted it is its text; where a value is wanted it is refused.
    """

    text: str


Data: TypeAlias = "str | Plain | Lookalike | list[Data] | dict[str, Data]"


def as_text(data: Data) -> str | None:
    """The source text of a scalar of any kind, and None for a list or a mapping: typing is by position."""
    if isinstance(data, str):
        return data
    return data.text if isinstance(data, (Plain, Lookalike)) else None


def is_text(data: Data) -> bool:
    """Whether this is text and nothing else: not a null, a boolean, a number or what looks like one."""
    return isinstance(data, str)


def resolve(text: str) -> str | Plain | Lookalike:
    """What a plain scalar is, by YAML 1.2's core schema cut down to what all readers agree on."""
    if text in _WORDS:
        return Plain(text, _WORDS[text])
    if _INTEGER.fullmatch(text):
        # A text of more than 20 characters is out of range without being converted.
        value = int(text) if len(text) <= 20 else INT64_MAX + 1
        return Plain(text, value) if INT64_MIN <= value <= INT64_MAX else Lookalike(text)
    if _REAL.fullmatch(text):
        real = float(text)
        return Lookalike(text) if real in (_INFINITY, -_INFINITY) else Plain(text, real)
    return Lookalike(text) if _NUMBERLIKE.fullmatch(text) else text


class Document:
    """A text that was read. ``data`` is the root; everything else is about places in the text."""

    __slots__ = ("_line_starts", "_read_tree", "_root", "bom", "data", "refused", "source")

    def __init__(
        self,
        *,
        source: Source,
        data: Data,
        read_tree: Callable[[str], Node],
        root: Node | None = None,
        refused: tuple[Path, ...] = (),
        bom: bool = False,
    ) -> None:
        """``read_tree`` reads the text once more, with positions, unless ``root`` is its result already."""
        self.source = source
        self.data = data
        self.refused = refused  # the paths under which the reader found something that it refused
        self.bom = bom  # whether the file began with a byte order mark, which the source text lacks
        self._read_tree = read_tree
        self._root = root
        self._line_starts: list[int] | None = None

    @property
    def root(self) -> Node:
        """The positioned tree, read when first asked for."""
        if self._root is None:
            self._root = self._read_tree(self.source.text)
        return self._root

    def is_refused(self, path: Path) -> bool:
        """Whether the reader refused what stands at this path or above it, so that the loader need not complain too."""
        return any(path[: len(refused)] == refused for refused in self.refused)

    def diagnose(self, problem: Problem) -> Diagnostic:
        """The problem as a person reads it. A path that is not there stands for its deepest ancestor that is."""
        return self.diagnostic(problem, self.locate(problem.at))

    def diagnostic(self, problem: Problem, span: Span | None) -> Diagnostic:
        """A diagnostic at a place that is known already."""
        return Diagnostic(
            code=problem.code,
            message=problem.message,
            file=self.source.name,
            span=span,
            line=self.source.line(span.line) if span else "",
            help=problem.help,
        )

    def locate(self, at: At) -> Span | None:
        """The line and column of a place, as long as it goes on in that line. None for an empty text."""
        if not self.source.text:
            return None
        key, node, whole = descend(self.root, at.path)
        if at.key or not whole:
            node = key or node
        if whole and not at.key and isinstance(node, ScalarNode) and (at.start or at.end is not None):
            found = self._within(node, at.start, at.end)
            if found is not None:
                return self.span(*found)
        match node:
            case ScalarNode():
                return self.span(*self._content(node))
            case MapNode(flow=False, entries=[(first, _), *_]):
                return self.span(first.start, first.end)
            case ListNode(flow=False):
                return self.span(node.start, node.start + 1)
            case _:
                return self.span(node.start, node.end)

    def offsets(self, at: At) -> tuple[int, int] | None:
        """Where in ``source.text`` a part of a scalar stands, so that it can be replaced there.

        None if there is no such scalar, or if it is not written there as it reads (an escape, a folded line).
        """
        _, node, whole = descend(self.root, at.path)
        if not whole or at.key or not isinstance(node, ScalarNode):
            return None
        found = self._within(node, at.start, at.end)
        if found is None:
            return None
        start, end = found
        return found if self.source.text[start:end] == node.text[at.start : at.end] else None

    def scalar(self, path: Path) -> ScalarNode | None:
        """The scalar at a path, as it is written."""
        _, node, whole = descend(self.root, path)
        return node if whole and isinstance(node, ScalarNode) else None

    def path_at(self, line: int) -> Path | None:
        """The step that stands on a line, or, for a comment or a blank line, the next one. None after the last."""
        if not self.source.text:
            return None
        for path, node in self._steps(self.root, ()):
            if self._last_line(node) >= line:
                return path
        return None

    def span(self, start: int, end: int) -> Span:
        """Offsets as a line, a column and a length; what lies beyond the line's end is cut off."""
        starts = self._starts()
        number = bisect_right(starts, start)
        begin = starts[number - 1]
        line_end = begin + len(self.source.line(number))
        return Span(line=number, column=start - begin + 1, length=max(1, min(end, line_end) - start))

    def _starts(self) -> list[int]:
        if self._line_starts is None:
            self._line_starts = [0, *(match.end() for match in re.finditer("\n", self.source.text))]
        return self._line_starts

    def _within(self, node: ScalarNode, start: int, end: int | None) -> tuple[int, int] | None:
        found = places(node, self.source.text)
        if found is None:
            return None
        last = len(found) - 1
        stop = last if end is None else min(end, last)
        return found[min(start, last)], found[max(stop, min(start, last))]

    def _content(self, node: ScalarNode) -> tuple[int, int]:
        found = places(node, self.source.text) if node.style == "|" and node.text.strip() else None
        if not found:
            return node.start, node.end
        first = len(node.text) - len(node.text.lstrip("\n"))
        return found[first], found[-1]

    def _steps(self, root: Node, path: Path) -> list[tuple[Path, Node]]:
        steps: list[tuple[Path, Node]] = []
        if isinstance(root, MapNode):
            for key, value in root.entries:
                if key.text in STEP_SECTIONS:
                    _collect(value, (*path, key.text), steps)
                elif key.text == "tasks" and isinstance(value, MapNode):
                    for name, body in value.entries:
                        _collect(body, (*path, "tasks", name.text), steps)
        return steps

    def _last_line(self, node: Node) -> int:
        text = self.source.text[: node.end].rstrip()
        return bisect_right(self._starts(), max(len(text) - 1, 0))


STEP_SECTIONS: Final = frozenset({"setup", "steps", "finally", "invariants"})


def _collect(body: Node, path: Path, into: list[tuple[Path, Node]]) -> None:
    """The steps of a list in the order of the text; a step with ``do`` ends where its body begins."""
    if not isinstance(body, ListNode):
        return
    for index, item in enumerate(body.items):
        place = (*path, index)
        inner = next((value for key, value in item.entries if key.text == "do"), None) if isinstance(item, MapNode) else None
        if isinstance(inner, ListNode) and inner.items:
            into.append((place, ScalarNode(item.start, inner.start, _HEAD, "")))
            _collect(inner, (*place, "do"), into)
        else:
            into.append((place, item))


_INFINITY: Final = float("inf")
_WORDS: Final[dict[str, bool | None]] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)")
_REAL: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_NUMBERLIKE: Final = re.compile(
    r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?0[xX][0-9a-fA-F_]+|[-+]?0[oO][0-7_]+|[-+]?0[bB][01_]+"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
