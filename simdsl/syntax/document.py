"""What was read: plain data for the loader, and positions on demand.

The data consists of ``dict`` (with text as keys), ``list``, ``str`` and two kinds of plain scalars that YAML 1.2 does not
read as text: ``PlainScalar`` and ``AmbiguousScalar``. It holds no positions. The loader addresses everything by path
(``simdsl.plan.diagnostics.Location``), and the first question about a position reads the text once more, with positions: a
plan without mistakes never pays for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from simdsl.plan.backend_facts import BACKEND_NAMES, dialect_of_backend
from simdsl.plan.deferred import dataclass, lazy_regex
from simdsl.plan.diagnostics import Diagnostic, Location, Path, Problem, SourceSpan, SourceText
from simdsl.plan.plan import Plan
from simdsl.plan.steps import STEP_OPTIONS
from simdsl.plan.values import INT64_MAX, INT64_MIN
from simdsl.syntax.problems import ParseError
from simdsl.syntax.source_map import (
    LineIndex,
    ListNode,
    MapNode,
    Node,
    NodeFinder,
    ScalarNode,
    ScalarStyle,
    char_offsets,
    steps_of,
)
from simdsl.syntax.sql_lexer import dialect_of, scan


@dataclass(frozen=True, slots=True)
class PlainScalar:
    """A plain scalar that is a null, a boolean or a number: its source text, and that value.

    An empty scalar (``key:`` and nothing more) is ``Plain("", None)``. JSON's numbers and words are of this class too.
    """

    text: str
    value: int | float | bool | None


@dataclass(frozen=True, slots=True)
class AmbiguousScalar:
    """A plain scalar that some YAML reads as a number and another does not: ``010 0xff 1_000 .5 1. +1 .inf``.

    Where text is wanted it is its text; where a value is wanted it is refused.
    """

    text: str


Data: TypeAlias = "str | PlainScalar | AmbiguousScalar | list[Data] | dict[str, Data]"


def source_text(data: Data) -> str | None:
    """The source text of a scalar of any kind, and None for a list or a mapping.

    Where the language expects text, ``1.10`` and ``no`` are that text: the position decides, not the look of the scalar.
    """
    if isinstance(data, str):
        return data
    return data.text if isinstance(data, (PlainScalar, AmbiguousScalar)) else None


def is_text(data: Data) -> bool:
    """Whether this is text, and not a null, a boolean, a number or something that looks like one."""
    return isinstance(data, str)


def resolve_scalar(text: str) -> str | PlainScalar | AmbiguousScalar:
    """A plain scalar by the core schema of YAML 1.2, restricted to what all readers agree on.

    The rest (``010``, ``1_000``, ``+1``) is an ``AmbiguousScalar``: it may serve as text, never as a value.
    """
    if text in _WORDS:
        return PlainScalar(text, _WORDS[text])
    if _INTEGER.fullmatch(text):
        # More than 20 characters are out of range anyway, and converting a million digits takes seconds.
        value = int(text) if len(text) <= 20 else INT64_MAX + 1
        return PlainScalar(text, value) if INT64_MIN <= value <= INT64_MAX else AmbiguousScalar(text)
    if _REAL.fullmatch(text):
        real = float(text)
        return AmbiguousScalar(text) if real in (_INFINITY, -_INFINITY) else PlainScalar(text, real)
    return AmbiguousScalar(text) if _LOOKS_NUMERIC.fullmatch(text) else text


class Document:
    """A text that was read. ``data`` is its content; everything else is about positions in the text."""

    __slots__ = ("_found", "_positions", "_read_tree", "bom", "data", "refused", "source")

    def __init__(
        self,
        *,
        source: SourceText,
        data: Data,
        read_tree: Callable[[str], Node],
        root: Node | None = None,
        refused: tuple[Path, ...] = (),
        bom: bool = False,
    ) -> None:
        """``read_tree`` reads the text again, with positions; ``root`` is its result, if there is one already."""
        self.source = source
        self.data = data
        self.refused = refused  # the paths at which the reader refused something
        self.bom = bom  # the file began with a byte order mark, which is not in the source text
        self._read_tree = read_tree
        self._found = None if root is None else NodeFinder(root)
        self._positions: LineIndex | None = None

    @property
    def root(self) -> Node:
        """The positioned tree, read on first use."""
        return self._finder.root

    @property
    def _finder(self) -> NodeFinder:
        if self._found is None:
            self._found = NodeFinder(self._read_tree(self.source.text))
        return self._found

    @property
    def positions(self) -> LineIndex:
        """The lines of the source, found on first use."""
        if self._positions is None:
            self._positions = LineIndex(self.source)
        return self._positions

    def is_refused(self, path: Path) -> bool:
        """Whether the reader refused something at this path or above it, which the loader then need not report."""
        return any(path[: len(refused)] == refused for refused in self.refused)

    def diagnose(self, problem: Problem) -> Diagnostic:
        """The problem with its position. A path that does not exist is shown at its deepest ancestor that does."""
        return self.positions.diagnostic(problem.code, problem.message, self.locate(problem.at), problem.help)

    def locate(self, at: Location) -> SourceSpan | None:
        """The line, column and length of a location, up to the end of its first line. None for an empty text."""
        if not self.source.text:
            return None
        key, node, whole = self._finder.find(at.path)
        # Only a path that exists and a scalar that is written as it reads can be marked in part.
        if at.key or not whole:
            node = key or node
        elif isinstance(node, ScalarNode) and (at.start or at.end is not None):
            found = self._within(node, at.start, at.end)
            if found is not None:
                return self.positions.span(*found)
        return self.positions.span(*self._extent(node))

    def offsets(self, at: Location) -> tuple[int, int] | None:
        """The offsets in ``source.text`` of a part of a scalar, so that it can be replaced there.

        None if there is no such scalar, or if its source differs from its text (an escape, a folded line).
        """
        node = self.scalar(at.path)
        found = self._within(node, at.start, at.end) if node and not at.key else None
        if node is None or found is None:
            return None
        return found if self.source.text[found[0] : found[1]] == node.text[at.start : at.end] else None

    def scalar(self, path: Path) -> ScalarNode | None:
        """The scalar at a path, with its offsets and style."""
        _, node, whole = self._finder.find(path)
        return node if whole and isinstance(node, ScalarNode) else None

    def path_at(self, line: int) -> Path | None:
        """The step on a line, or the next one if there is none on it; None after the last."""
        steps = steps_of(self.root) if self.source.text else []
        return next((path for path, _, end in steps if self.positions.line_of(max(end - 1, 0)) >= line), None)

    def _within(self, node: ScalarNode, start: int, end: int | None) -> tuple[int, int] | None:
        found = char_offsets(node, self.source.text)
        if found is None:
            return None
        # Offsets may lie behind the end: a message about a text that ends too early points there.
        last = len(found) - 1
        first = min(start, last)
        return found[first], found[last if end is None else max(first, min(end, last))]

    def _extent(self, node: Node) -> tuple[int, int]:
        """The part of a node that a diagnostic marks: of a block, its first line."""
        match node:
            case ScalarNode(style=ScalarStyle.LITERAL) if found := char_offsets(node, self.source.text):
                first = len(node.text) - len(node.text.lstrip("\n"))
                return (found[first], found[-1]) if first < len(node.text) else (node.start, node.end)
            case MapNode(flow=False, entries=[(first_key, _), *_]):
                return first_key.start, first_key.end
            case ListNode(flow=False):
                return node.start, node.start + 1
            case _:  # flow collections, quoted and plain scalars are marked as a whole
                return node.start, node.end


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


_INTEGER: Final = lazy_regex(r"-?(?:0|[1-9][0-9]*)")
_REAL: Final = lazy_regex(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")


_LOOKS_NUMERIC: Final = lazy_regex(
    r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?0[xX][0-9a-fA-F_]+|[-+]?0[oO][0-7_]+|[-+]?0[bB][01_]+"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSource:
    """The text of a step, at ``path``; its expectation, if it has one, is ``text[expects:]``."""

    path: Path
    text: str
    expects: int | None

    @property
    def at(self) -> Location:
        """The location of the expectation, or of the whole text if it has none."""
        return Location(path=self.path, start=self.expects or 0)


def step_source(document: Document, plan: Plan, step: Path, override: str | None = None) -> StepSource | None:
    """The text of a step that was evaluated: that of the override if it has an expectation, else the step's own.

    None for a step without text of its own, such as ``for`` and ``retry``, and for a path that does not exist.
    """
    found = _data_at(document.data, step)
    base = StepSource(path=step, text=found, expects=None) if isinstance(found, str) else None
    other: StepSource | None = None
    if isinstance(found, dict):
        for key, value in found.items():
            if not isinstance(value, str):
                continue
            line = StepSource(path=(*step, key), text=value, expects=None)
            if key == override:
                other = _with_expectation_offset(line, plan, key)
            elif base is None and key not in STEP_OPTIONS and key not in BACKEND_NAMES:
                base = line
    if other is not None and other.expects is not None:
        return other
    return (_with_expectation_offset(base, plan, None) if base is not None else None) or other


def _with_expectation_offset(line: StepSource, plan: Plan, override: str | None) -> StepSource:
    if line.path[-1] == "check":
        return line
    dialect = dialect_of(plan.dialect, plan.backends)
    if override is not None:
        dialect = (dialect_of_backend(override) if override else None) or dialect
    try:
        arrow = scan(line.text, dialect).arrow
    except ParseError:  # a check, or other text that is no SQL
        return line
    if arrow is None:
        return line
    start = line.text.index("=>", arrow) + 2
    start += len(line.text[start:]) - len(line.text[start:].lstrip())
    return StepSource(path=line.path, text=line.text, expects=start)


def _data_at(data: Data, path: Path) -> Data | None:
    found: Data | None = data
    for part in path:
        if isinstance(found, dict) and isinstance(part, str):
            found = found.get(part)
        elif isinstance(found, list) and isinstance(part, int) and 0 <= part < len(found):
            found = found[part]
        else:
            return None
    return found
