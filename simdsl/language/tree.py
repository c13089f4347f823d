"""The positioned tree of a document: what the slow readers build, and what nobody keeps who only wants the data.

Offsets are code points from the beginning of the source text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, TypeAlias

from simdsl.plan.dataclasses import dataclass
from simdsl.plan.ir import Path

STEP_SECTIONS: Final = frozenset({"setup", "steps", "finally", "invariants"})


class Style(StrEnum):
    """How a scalar is written."""

    PLAIN = "plain"
    SINGLE = "'"
    DOUBLE = '"'
    LITERAL = "|"
    FOLDED = ">"
    JSON = "json"  # a JSON string, whose surrogate pairs are one code point
    ALIAS = "*"


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """A scalar, its quotes and indicators included; ``text`` is what YAML makes of it."""

    start: int
    end: int
    style: Style
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
    """A mapping. A key that is there twice is kept twice."""

    start: int
    end: int
    flow: bool
    entries: list[tuple[ScalarNode, Node]]


Node: TypeAlias = ScalarNode | ListNode | MapNode


def child(node: Node, step: str | int) -> tuple[ScalarNode | None, Node] | None:
    """The key (in a mapping) and the value one step down a path, or None."""
    match node, step:
        case MapNode(), str():
            return next((entry for entry in node.entries if entry[0].text == step), None)
        case ListNode(), int() if 0 <= step < len(node.items):
            return None, node.items[step]
        case _:
            return None


def descend(root: Node, path: Path) -> tuple[ScalarNode | None, Node, bool]:
    """The key and value at a path, or of the deepest ancestor that there is; and whether the whole path was there.

    A list element has no key of its own.
    """
    key: ScalarNode | None = None
    node = root
    for step in path:
        found = child(node, step)
        if found is None:
            return key, node, False
        key, node = found
    return key, node, True


def steps_of(root: Node) -> list[tuple[Path, int, int]]:
    """The steps of a plan in the order of the text: path, start, end. One with ``do`` ends where its body begins."""
    steps: list[tuple[Path, int, int]] = []
    for path, body in step_lists(root):
        _collect_steps(body, path, steps)
    return steps


def step_lists(root: Node) -> Iterator[tuple[Path, Node]]:
    """What should be a list of steps, with its path, in the order of the text. Bodies of loops are within."""
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
        inner = child(item, "do")
        if inner and inner[0] and isinstance(inner[1], ListNode) and inner[1].items:
            into.append((place, item.start, inner[0].end))
            _collect_steps(inner[1], (*place, "do"), into)
        else:
            into.append((place, item.start, item.end))


def places(node: ScalarNode, source: str) -> list[int] | None:
    """Where in the source each code point of a scalar's text stands, and at the end where the text ends.

    None where YAML made the text by joining lines.
    """
    match node.style:
        case Style.PLAIN | Style.ALIAS:
            whole = source[node.start : node.end]
            return list(range(node.start, node.end + 1)) if whole == node.text else None
        case Style.SINGLE:
            return _quoted_places(node, source, _SINGLE_UNIT)
        case Style.DOUBLE:
            return _quoted_places(node, source, _DOUBLE_UNIT)
        case Style.JSON:
            return _quoted_places(node, source, _JSON_UNIT)
        case Style.LITERAL:
            return _literal_places(node, source)
        case Style.FOLDED:
            return None


# Patterns that only a place in a quoted scalar needs: re compiles and keeps them when somebody asks for one.
_SINGLE_UNIT: Final = r"''|[^'\n]"
_DOUBLE_UNIT: Final = r'\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[^\nxuU])|[^"\\\n]'
_JSON_UNIT: Final = r'\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.|[^"\\\n]'


def _quoted_places(node: ScalarNode, source: str, unit: str) -> list[int] | None:
    found = []
    pattern = re.compile(unit)
    position = node.start + 1
    while match := pattern.match(source, position, node.end - 1):
        found.append(position)
        position = match.end()
    found.append(position)
    return found if position == node.end - 1 and len(found) == len(node.text) + 1 else None


def _literal_places(node: ScalarNode, source: str) -> list[int] | None:
    found: list[int] = []
    position = source.find("\n", node.start) + 1
    indent = 0
    end = position
    for line in node.text.split("\n") if node.text else ():
        stop = source.find("\n", position)
        stop = len(source) if stop < 0 else stop
        raw = source[position:stop].removesuffix("\r")
        if line:
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
