"""Where everything stands in a source text: lines and columns, and the tree of a document with its offsets.

The slow readers build the tree; the fast ones do without, and a document builds it when the first diagnostic needs a
position. Offsets are code points from the beginning of the source text."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import field
from enum import StrEnum
from itertools import chain
from typing import Final, TypeAlias

from simdsl.plan.codes import Code
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Diagnostic, Path, Severity, SourceSpan, SourceText, severity_of
from simdsl.syntax.problems import MAX_PROBLEMS


@dataclass(frozen=True, slots=True)
class ReaderIssue:
    """What a reader found wrong between two offsets of the text."""

    code: Code
    start: int
    end: int
    message: str
    help: str | None = None


@dataclass(slots=True)
class ReaderIssues:
    """What a reader found wrong, in the order in which it did: up to ``MAX_PROBLEMS`` errors and as many warnings.

    ``is_cut`` tells whether there were more. ``refused`` are the paths whose text is not what was meant, so that the
    loader does not report them a second time.
    """

    found: list[ReaderIssue] = field(default_factory=list)
    refused: list[Path] = field(default_factory=list)
    is_cut: bool = False
    warnings: int = 0

    def add(self, issue: ReaderIssue, path: Path | None = None) -> None:
        """Report an issue, and with ``path`` refuse what stands there."""
        is_warning = severity_of(issue.code) is Severity.WARNING
        if (self.warnings if is_warning else len(self.found) - self.warnings) >= MAX_PROBLEMS:
            # A warning never takes the place of an error, or a plan with many warnings would load in spite of it.
            self.is_cut = True
            return
        self.warnings += is_warning
        self.found.append(issue)
        if path:
            self.refused.append(path)


class LineIndex:
    """The lines of a source. Offsets are code points from the beginning of its text."""

    __slots__ = ("_last", "source", "starts")

    def __init__(self, source: SourceText) -> None:
        self.source = source
        self._last = (0, "")  # a thousand diagnostics of one line of 16 MB have to share its text
        self.starts = array("q", chain((0,), (match.end() for match in re.finditer("\n", source.text))))

    def line_of(self, offset: int) -> int:
        """The number, from 1, of the line that contains an offset."""
        return bisect_right(self.starts, offset)

    def line(self, number: int) -> str:
        """The text of a line, without its line end."""
        if self._last[0] != number:
            self._last = (number, self._cut(number))
        return self._last[1]

    def span(self, start: int, end: int) -> SourceSpan:
        """Offsets as line, column and length; what goes beyond the end of the line is cut off."""
        number = self.line_of(start)
        begin = self.starts[number - 1]
        line_end = begin + len(self.line(number))
        return SourceSpan(line=number, column=start - begin + 1, length=max(1, min(end, line_end) - start))

    def diagnostic(self, code: Code, message: str, span: SourceSpan | None, hint: str | None) -> Diagnostic:
        """A diagnostic that shows the line of its span."""
        text = self.line(span.line) if span else ""
        return Diagnostic(code=code, message=message, file=self.source.name, span=span, line=text, help=hint)

    def diagnose(self, issue: ReaderIssue) -> Diagnostic:
        """An issue as a person reads it."""
        span = self.span(issue.start, issue.end)
        return self.diagnostic(issue.code, issue.message, span, issue.help)

    def _cut(self, number: int) -> str:
        stop = self.starts[number] - 1 if number < len(self.starts) else len(self.source.text)
        return self.source.text[self.starts[number - 1] : stop].removesuffix("\r")


STEP_SECTIONS: Final = frozenset({"setup", "steps", "finally", "invariants"})


class ScalarStyle(StrEnum):
    """How a scalar is written. It decides how offsets in its text translate into offsets in the source."""

    PLAIN = "plain"
    SINGLE = "'"
    DOUBLE = '"'
    LITERAL = "|"
    FOLDED = ">"
    JSON = "json"  # a JSON string, in which an escaped surrogate pair is one code point
    ALIAS = "*"


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """A scalar. Offsets include quotes and indicators; ``text`` is the content."""

    start: int
    end: int
    style: ScalarStyle
    text: str


@dataclass(frozen=True, slots=True)
class ListNode:
    """A sequence."""

    start: int
    end: int
    flow: bool
    items: list[Node]


@dataclass(frozen=True, slots=True)
class MapNode:
    """A mapping. A repeated key is kept, so that both places can be shown."""

    start: int
    end: int
    flow: bool
    entries: list[tuple[ScalarNode, Node]]


Node: TypeAlias = ScalarNode | ListNode | MapNode


def child_node(node: Node, step: str | int) -> tuple[ScalarNode | None, Node] | None:
    """The key (in a mapping) and the value one step down a path, or None."""
    match node, step:
        case MapNode(), str():
            return next((entry for entry in node.entries if entry[0].text == step), None)
        case ListNode(), int() if 0 <= step < len(node.items):
            return None, node.items[step]
        case _:
            return None


class NodeFinder:
    """Finds nodes by path. Looking for each of 300,000 keys by walking over those before it would take an hour."""

    __slots__ = ("_indexes", "root")

    def __init__(self, root: Node) -> None:
        self.root = root
        self._indexes: dict[int, dict[str, int]] = {}  # of large mappings, by id; they live as long as the root

    def find(self, path: Path) -> tuple[ScalarNode | None, Node, bool]:
        """The key and value at a path, or of its deepest ancestor that exists; and whether the whole path exists.

        A list element has no key of its own.
        """
        key: ScalarNode | None = None
        node = self.root
        for step in path:
            found = self._child(node, step)
            if found is None:
                return key, node, False
            key, node = found
        return key, node, True

    def _child(self, node: Node, step: str | int) -> tuple[ScalarNode | None, Node] | None:
        if not isinstance(node, MapNode) or len(node.entries) < _LARGE_MAPPING or isinstance(step, int):
            return child_node(node, step)
        index = self._indexes.get(id(node))
        if index is None:
            index = self._indexes[id(node)] = {}
            for number, (key, _) in enumerate(node.entries):
                index.setdefault(key.text, number)  # of a key that is there twice, the first, as everywhere
        number_of = index.get(step)
        return None if number_of is None else node.entries[number_of]


_LARGE_MAPPING: Final = 32


def steps_of(root: Node) -> list[tuple[Path, int, int]]:
    """The steps of a plan in text order: path, start, end. A step with ``do`` ends where its body begins."""
    steps: list[tuple[Path, int, int]] = []
    for path, body in step_lists(root):
        _collect_steps(body, path, steps)
    return steps


def step_lists(root: Node) -> Iterator[tuple[Path, Node]]:
    """Everything that should be a list of steps, with its path, in text order. Bodies of loops are inside of these."""
    for key, value in _entries(root):
        if key == "workload":
            for part, actions in _entries(value):
                for name, action in _entries(actions) if part == "actions" else ():
                    yield from (((key, part, name, "do"), body) for own, body in _entries(action) if own == "do")
        elif key == "tasks":
            yield from (((key, name), body) for name, body in _entries(value))
        elif key in STEP_SECTIONS:
            yield (key,), value


def _entries(node: Node) -> Iterator[tuple[str, Node]]:
    return ((key.text, value) for key, value in (node.entries if isinstance(node, MapNode) else ()))


def _collect_steps(body: Node, path: Path, into: list[tuple[Path, int, int]]) -> None:
    for index, item in enumerate(body.items if isinstance(body, ListNode) else ()):
        place = (*path, index)
        # A loop is one step for its own line and a list for its body.
        inner = child_node(item, "do")
        if inner and inner[0] and isinstance(inner[1], ListNode) and inner[1].items:
            into.append((place, item.start, inner[0].end))
            _collect_steps(inner[1], (*place, "do"), into)
        else:
            into.append((place, item.start, item.end))


def char_offsets(node: ScalarNode, source: str) -> list[int] | None:
    """The offset in the source of each code point of a scalar's text, and of its end.

    None if YAML joined lines, since then the text has characters that the source has not.
    """
    match node.style:
        case ScalarStyle.PLAIN | ScalarStyle.ALIAS:
            whole = source[node.start : node.end]
            return list(range(node.start, node.end + 1)) if whole == node.text else None
        case ScalarStyle.SINGLE:
            return _quoted_offsets(node, source, _SINGLE_UNIT)
        case ScalarStyle.DOUBLE:
            return _quoted_offsets(node, source, _DOUBLE_UNIT)
        case ScalarStyle.JSON:
            return _quoted_offsets(node, source, _JSON_UNIT)
        case ScalarStyle.LITERAL:
            return _literal_offsets(node, source)
        case ScalarStyle.FOLDED:
            return None


# One code point of the text as it is written. `re` caches what is compiled; most plans need none of these.
_SINGLE_UNIT: Final = r"''|[^'\n]"
_DOUBLE_UNIT: Final = r'\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[^\nxuU])|[^"\\\n]'
_JSON_UNIT: Final = r'\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.|[^"\\\n]'


def _quoted_offsets(node: ScalarNode, source: str, unit: str) -> list[int] | None:
    found = []
    pattern = re.compile(unit)
    position = node.start + 1
    while match := pattern.match(source, position, node.end - 1):
        found.append(position)
        position = match.end()
    found.append(position)
    # A quoted scalar over several lines has fewer code points than its source; then there is no translation.
    return found if position == node.end - 1 and len(found) == len(node.text) + 1 else None


def _literal_offsets(node: ScalarNode, source: str) -> list[int] | None:
    found: list[int] = []
    position = source.find("\n", node.start) + 1
    indent = 0
    end = position
    for line in node.text.split("\n") if node.text else ():
        stop = source.find("\n", position)
        stop = len(source) if stop < 0 else stop
        raw = source[position:stop].removesuffix("\r")
        if line:
            # A block's indentation is that of its first line that is not empty; every line has to end as its text does.
            indent = indent or len(raw) - len(line)
            if not raw.endswith(line):
                return None
        start = min(position + indent, position + len(raw))
        found.extend(range(start, start + len(line) + 1))
        end = found[-1]
        position = stop + 1
    if not found:
        found = [end]
    return found
