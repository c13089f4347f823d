"""The slow reader of YAML: a positioned tree from the parser's events, and everything in it that a plan may not use.

It reads what ``yaml_fast`` does not, and reads a text a second time when a diagnostic needs positions; at 24 us a line it is
20 times as slow. This is the only module that knows the YAML parser (ruamel.yaml.clib, a binding of libyaml).

libyaml reads YAML 1.1. Where 1.1 and 1.2 differ, the text is refused here or resolved by
``simdsl.syntax.document.resolve_scalar``; nothing is taken from the parser but where scalars begin and end.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import field
from itertools import islice
from typing import Any, Final

from simdsl.plan.codes import Code
from simdsl.plan.deferred import dataclass, lazy_regex
from simdsl.plan.diagnostics import Path, SourceText
from simdsl.syntax.document import Data, resolve_scalar
from simdsl.syntax.problems import MAX_PROBLEMS
from simdsl.syntax.source_map import LineIndex, ListNode, MapNode, Node, ReaderIssue, ReaderIssues, ScalarNode, ScalarStyle
from simdsl.syntax.yaml_diagnostics import syntax_issue

MAX_DEPTH: Final = 64
MAX_NODES: Final = 1_000_000


# What may not stand in a plan unescaped: C0 and C1 controls, DEL, line breaks that only some readers see, byte order
# marks and surrogates. Tab, LF and CRLF are fine.
HIDDEN: Final = lazy_regex("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]|\r(?!\n)")


class YamlParserMissing(Exception):
    """ruamel.yaml.clib is not installed, or cannot be imported."""


@dataclass(slots=True)
class PositionedRead:
    """What came of a text. Without a root, the issues say why."""

    root: Node | None = None
    issues: ReaderIssues = field(default_factory=ReaderIssues)


def read_events(text: str) -> PositionedRead:
    """The tree of a text without byte order mark, and what in it is refused. Raises ``YamlParserMissing``."""
    hidden = ReaderIssues()
    for match in islice(HIDDEN.finditer(text), MAX_PROBLEMS + 1):
        hidden.add(_hidden(match))
    if hidden.found:
        return PositionedRead(issues=hidden)
    parser_type, error_type = _parser()
    reader = _YamlReader(text, parser_type(text).get_event)
    try:
        reader.read()
    except _Stop as stop:
        return PositionedRead(issues=ReaderIssues([stop.issue]))
    except error_type as error:
        return PositionedRead(issues=ReaderIssues([syntax_issue(error, text)]))
    return reader.result


def read_tree(text: str) -> Node:
    """The tree of a text that is known to be YAML."""
    root = read_events(text).root
    return root if root is not None else ScalarNode(0, 0, ScalarStyle.PLAIN, "")


def to_data(node: Node) -> Data:
    """The plain data of a tree; of a key that is there twice, the first."""
    match node:
        case ScalarNode():
            return resolve_scalar(node.text) if node.style is ScalarStyle.PLAIN else node.text
        case ListNode():
            return [to_data(item) for item in node.items]
        case MapNode():
            data: dict[str, Data] = {}
            for key, value in node.entries:
                if key.text not in data:
                    data[key.text] = to_data(value)
            return data


def _hidden(match: re.Match[str]) -> ReaderIssue:
    return ReaderIssue(
        Code.Y015,
        match.start(),
        match.end(),
        f"U+{ord(match[0]):04X} cannot stand in a plan as it is",
        'write it as an escape in double quotes, such as "\\u2028"',
    )


def _parser() -> tuple[Callable[[str], Any], type[Exception]]:
    try:
        # Imported on first use: the fast reader reads most plans, and the import takes longer than reading one.
        from _ruamel_yaml import CParser
        from ruamel.yaml.error import YAMLError
    except ImportError as error:
        raise YamlParserMissing(str(error)) from error
    return CParser, YAMLError


def too_many(at: int) -> ReaderIssue:
    """The text has more nodes than can be positioned in a reasonable time."""
    message = f"there are more than {MAX_NODES:,} keys and values before this"
    return ReaderIssue(Code.F008, at, at + 1, message, "split the plan into several")


class _Stop(Exception):
    """An issue after which nothing more can be read."""

    def __init__(self, issue: ReaderIssue) -> None:
        super().__init__(issue.message)
        self.issue = issue


class _YamlReader:
    """One walk over the events of a text, by recursive descent to a bounded depth.

    Events and not nodes: ruamel's composer would resolve anchors, and an expanded bomb of aliases fills the memory before
    anything could refuse it.
    """

    def __init__(self, text: str, next_event: Callable[[], Any]) -> None:
        self.text = text
        self.next_event = next_event
        self.result = PositionedRead()
        self.last_end = 0
        self.lines: LineIndex | None = None
        self.muted = 0  # depth inside something that was refused as a whole, where further issues would only repeat that
        self.count = 0
        self.has_tabs = "\t" in text
        self.tabs_until = 0
        self.nodes: dict[str, Callable[[Any, Path, int], Node]] = {
            "ScalarEvent": self._scalar,
            "SequenceStartEvent": self._sequence,
            "MappingStartEvent": self._mapping,
            "AliasEvent": self._alias,
        }

    def read(self) -> None:
        self.next_event()  # StreamStart
        start = self.next_event()
        if type(start).__name__ == "StreamEndEvent":
            self.result.root = ScalarNode(0, 0, ScalarStyle.PLAIN, "")
            return
        self._directives(start)
        self.result.root = self._node(self.next_event(), (), 0)
        self.next_event()  # DocumentEnd
        after = self.next_event()
        if type(after).__name__ != "StreamEndEvent":
            self._find(Code.Y002, after.start_mark.index, 3, "a second document begins here", "a file holds one plan")
        self.result.issues.found.sort(key=lambda issue: issue.start)

    def _directives(self, start: Any) -> None:
        if start.version is not None or start.tags:
            at = start.start_mark.index
            word = _word_at(self.text, at)
            message = f"`{word}` is a directive, and plans have none"
            self._find(Code.Y003, at, len(word), message, "leave this line out: plans are YAML 1.2")

    def _node(self, event: Any, path: Path, depth: int) -> Node:
        self.count += 1
        if self.count > MAX_NODES:
            raise _Stop(too_many(event.start_mark.index))
        if depth > MAX_DEPTH:
            message = f"nested more than {MAX_DEPTH} levels deep"
            raise _Stop(
                ReaderIssue(Code.Y016, event.start_mark.index, event.end_mark.index, message, "a plan is flatter than this")
            )
        if self.has_tabs:
            self._tabs(event.start_mark.index)
        return self.nodes[type(event).__name__](event, path, depth)

    def _tabs(self, start: int) -> None:
        # Each line is looked at once: from the last node on, and only if a line begins in between.
        begin = self.text.rfind("\n", self.tabs_until, start) + 1
        is_new_line = begin > 0 or self.tabs_until == 0
        self.tabs_until = start
        if not is_new_line:
            return
        lead = self.text[begin:start]
        tab = lead.find("\t")
        if tab >= 0 and not lead.strip(" \t"):
            self._find(Code.Y014, begin + tab, 1, "a tab indents this line", "indent with spaces")

    def _scalar(self, event: Any, path: Path, depth: int) -> ScalarNode:
        start = self._properties(event, path)
        self.last_end = end = event.end_mark.index
        return ScalarNode(start, end, _STYLES[event.style or ""], event.value)

    def _alias(self, event: Any, path: Path, depth: int) -> ScalarNode:
        start = event.start_mark.index
        self.last_end = end = event.end_mark.index
        text = self.text[start:end]
        hint = f"write the text out; where `{text[0]}` belongs to it, use a `|` block"
        self._find(Code.Y005, start, end - start, f"`{text}` is an alias, and plans have none", hint, path)
        return ScalarNode(start, end, ScalarStyle.ALIAS, text)

    def _properties(self, event: Any, path: Path) -> int:
        """Refuse an anchor and a tag; the offset at which the node itself begins."""
        start: int = event.start_mark.index
        if event.anchor is None and event.tag is None:
            return start
        end: int = event.end_mark.index
        first = start
        hint = "leave it out; where it belongs to the text, use a `|` block"
        # The event has the anchor and the tag, but not where each of them stands.
        while (word := _word_at(self.text, start))[:1] in ("&", "!"):
            code, name = (Code.Y004, "an anchor") if word[0] == "&" else (Code.Y006, "a tag")
            self._find(code, start, len(word), f"`{word}` is {name}, and plans have none", hint, path)
            start += len(word)
            following = _WORD.search(self.text, start)
            start = following.start() if following else start
        return min(start, max(end, first + 1))

    def _sequence(self, event: Any, path: Path, depth: int) -> ListNode:
        start = self._properties(event, path)
        self.last_end = end = event.end_mark.index
        items: list[Node] = []
        while type(item := self.next_event()).__name__ != "SequenceEndEvent":
            items.append(self._node(item, (*path, len(items)), depth + 1))
            end = items[-1].end
        flow = bool(event.flow_style)
        if flow:
            self.last_end = end = item.end_mark.index
        return ListNode(start, end, flow, items)

    def _mapping(self, event: Any, path: Path, depth: int) -> MapNode:
        start = self._properties(event, path)
        self.last_end = end = event.end_mark.index
        entries: list[tuple[ScalarNode, Node]] = []
        seen: dict[str, int] = {}
        while type(item := self.next_event()).__name__ != "MappingEndEvent":
            between = (self.last_end, item.start_mark.index)  # where a `?` of an explicit key would stand
            key = self._node(item, path, depth + 1)
            if not self._is_key(key, between, path):
                self._ignored(path, depth)
                continue
            assert isinstance(key, ScalarNode)
            if key.text == "<<" and key.style is ScalarStyle.PLAIN:
                self._find(Code.Y007, key.start, 2, "`<<` is a merge key, and plans have none", "write the keys out", path)
                self._ignored(path, depth)
                continue
            if key.text in seen:
                self._twice(key, seen[key.text])
            seen.setdefault(key.text, key.start)  # both entries stay in the tree, so that both can be shown
            value = self._node(self.next_event(), (*path, key.text), depth + 1)
            end = max(key.end, value.end)
            entries.append((key, value))
        flow = bool(event.flow_style)
        if flow:
            self.last_end = end = item.end_mark.index
        return MapNode(start, end, flow, entries)

    def _is_key(self, key: Node, between: tuple[int, int], path: Path) -> bool:
        hint = "a key is one word, with a colon right after it"
        if not isinstance(key, ScalarNode):
            self._find(Code.Y008, key.start, 1, "a list or a mapping cannot be a key", hint, path)
            return False
        lead = self.text[between[0] : between[1]]
        if "?" in lead and (mark := _EXPLICIT_KEY.search(_COMMENT.sub(_blank, lead))):
            self._find(
                Code.Y008,
                between[0] + mark.start("mark"),
                1,
                "`? ` makes a key of anything, and plans have none of it",
                hint,
            )
        elif key.style in (ScalarStyle.LITERAL, ScalarStyle.FOLDED) or "\n" in self.text[key.start : key.end]:
            self._find(Code.Y008, key.start, 1, "a key cannot go over several lines", hint)
        return key.style is not ScalarStyle.ALIAS

    def _twice(self, key: ScalarNode, first: int) -> None:
        if self.lines is None:
            self.lines = LineIndex(SourceText(name="", text=self.text))
        line = self.lines.line_of(first)
        message = f"`{key.text}` is there twice in one mapping"
        self._find(
            Code.Y009, key.start, key.end - key.start, message, f"the first one is in line {line}; YAML would keep only one"
        )

    def _ignored(self, path: Path, depth: int) -> None:
        self.muted += 1
        self._node(self.next_event(), path, depth + 1)
        self.muted -= 1

    def _find(self, code: Code, start: int, length: int, message: str, hint: str, path: Path | None = None) -> None:
        if not self.muted:
            self.result.issues.add(ReaderIssue(code, start, start + length, message, hint), path)


_STYLES: Final = {
    "": ScalarStyle.PLAIN,
    "'": ScalarStyle.SINGLE,
    '"': ScalarStyle.DOUBLE,
    "|": ScalarStyle.LITERAL,
    ">": ScalarStyle.FOLDED,
}


_WORD: Final = lazy_regex(r"\S+")
_COMMENT: Final = lazy_regex(r"(?<!\S)#.*")
_EXPLICIT_KEY: Final = lazy_regex(r"(?<![^\s,])(?P<mark>\?)(?!\S)")


def _word_at(text: str, start: int) -> str:
    found = _WORD.match(text, start)
    return found[0] if found else ""


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])
