"""The fast reader of YAML: the subset in which nearly all plans are written, line by line, without positions.

Block mappings and lists, one-line plain scalars, simple quotes, ``|`` blocks, ``[a, b]`` and ``{k: v}`` of simple words,
comments and blank lines. Whatever is doubtful leaves the subset, and the slow reader (``yaml_reader``) decides. So this one
reports nothing, and where it returns data, the slow reader finds the same data and no fault; the tests compare the two.

It is there because of its speed: 1.2 us a line against 24 us by libyaml's events on CPython 3.11, which is most of the time
that loading a plan takes.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from simdsl.plan.deferred import lazy_regex
from simdsl.plan.steps import STEP_OPTIONS
from simdsl.syntax.document import Data, resolve_scalar
from simdsl.syntax.source_map import STEP_SECTIONS
from simdsl.syntax.yaml_diagnostics import is_harmless_comment
from simdsl.syntax.yaml_reader import HIDDEN


def read_fast(text: str) -> Data | None:
    """The plain data of a text within the subset, or None."""
    if not _is_ordinary(text) or text.count("\n") > _MAX_LINES:
        return None
    lines = _Lines(text)
    try:
        return lines.read()
    except _Leave:
        return None


class _Leave(Exception):
    """The text leaves the subset: an exception, because the decision falls deep in the walk and concerns the whole text."""


# An open list and its indentation, and the mapping that is open in it or stands alone, and its indentation.
_Frame: TypeAlias = tuple["list[Data] | None", str, "dict[str, Data] | None", str]


class _Lines:
    """One walk over the lines.

    The innermost frame is kept in local variables of ``read``, so that the line of an ordinary step touches nothing else;
    the frames around it form a stack. A key without a value is ``pending`` until the next line shows what it contains.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.raw: list[str] | None = None
        self.stack: list[_Frame] = []
        self.section = ""

    def read(self) -> Data:
        root: dict[str, Data] = {}
        items: list[Data] | None = None
        items_indent = entries_indent = pending = ""
        entries: dict[str, Data] | None = root
        skip_to = 0
        # One regular expression cuts all lines in C. What is left for Python is a few comparisons a line.
        for number, (indent, dash, key, simple, rest) in enumerate(_LINE.findall(self.text)):
            if number < skip_to:
                continue
            if not dash and not key:
                # Blank lines and comments are skipped; text of its own line would continue the scalar above.
                if simple or (rest and rest[0] != "#"):
                    raise _Leave
                continue
            if pending and entries is not None:
                frame = (items, items_indent, entries, entries_indent)
                items, items_indent, entries, entries_indent = self._open(frame, pending, indent, dash)
                pending = ""
            if not indent and not dash:
                self.section = key  # what is ambiguous depends on the section: SQL or not
            if rest and "#" in rest:
                rest = self._without_comment(rest, key)
            if dash:
                # A shallower line closes frames until one has its indentation; if none has, the text is not ours.
                while items is None or indent != items_indent:
                    items, items_indent, entries, entries_indent = self._close()
                if not key:
                    entries = None
                    if not simple:
                        simple, skip_to = self._value(rest, "", number, len(indent))
                    items.append(simple)
                    continue
                entries = {}
                entries_indent = indent + "  "
                items.append(entries)
            else:
                while entries is None or indent != entries_indent:
                    items, items_indent, entries, entries_indent = self._close()
                if key in entries:
                    raise _Leave  # a repeated key, which the slow reader reports
            if simple:
                entries[key] = simple
            elif rest:
                entries[key], skip_to = self._value(rest, key, number, len(entries_indent))
            else:
                pending = key
        if pending or not root:
            raise _Leave  # an empty value at the end, or an empty text: what that means is for the slow reader
        return root

    def _open(self, context: _Frame, key: str, indent: str, dash: str) -> _Frame:
        """The frame of the collection that starts in this line as the value of a key of the frame around it."""
        _, _, entries, entries_indent = context
        depth = len(indent) - len(entries_indent)
        # A list may stand in the column of its key, a mapping may not.
        if depth < 0 or (depth == 0 and not dash) or entries is None or len(self.stack) > _MAX_DEPTH:
            raise _Leave
        self.stack.append(context)
        if dash:
            items: list[Data] = []
            entries[key] = items
            return items, indent, None, ""
        inner: dict[str, Data] = {}
        entries[key] = inner
        return None, "", inner, indent

    def _close(self) -> _Frame:
        if not self.stack:
            raise _Leave
        return self.stack.pop()

    def _without_comment(self, rest: str, key: str) -> str:
        """The rest of a line before its comment, unless it may be a trap (`simdsl.syntax.yaml_diagnostics`)."""
        found = _COMMENT.search(rest)
        if found is None or rest[0] in ("'", '"', "|", ">"):
            return rest
        kept = rest[: found.start()]
        in_steps = self.section in _LINE_SECTIONS
        if kept and in_steps and key not in STEP_OPTIONS and not is_harmless_comment(kept, found[0]):
            raise _Leave
        return kept

    def _value(self, rest: str, key: str, number: int, parent: int) -> tuple[Data, int]:
        """A value that is not a simple plain text, and the number of the line to go on with (0: the next one)."""
        first = rest[0] if rest else ""
        if first == "|":
            return self._block(rest, number + 1, parent)
        if first in ("'", '"'):
            quoted = _QUOTED.fullmatch(rest)
            if quoted is None:
                raise _Leave  # escapes, doubled quotes, or text after the closing quote
            return quoted[0][1:-1], 0
        if first in ("[", "{"):
            return self._flow(rest, key), 0
        if not _PLAIN.match(rest) or ": " in rest or " #" in rest or rest[-1] == ":":
            raise _Leave
        return resolve_scalar(rest), 0

    def _block(self, header: str, number: int, parent: int) -> tuple[str, int]:
        if self.raw is None:
            self.raw = self.text.split("\n")
        if header not in ("|", "|-") or not self.raw[number : number + 1] or not self.raw[number]:
            raise _Leave
        indent = _leading(self.raw[number])
        if indent <= parent:
            raise _Leave
        end = number
        while end < len(self.raw) and (not self.raw[end] or _leading(self.raw[end]) >= indent):
            end += 1
        if end == len(self.raw) and self.raw[-1]:
            # The text of a block ends as the file does, so `|` and `|-` would mean the same here.
            raise _Leave
        text = "\n".join(line[indent:] for line in self.raw[number:end]).rstrip("\n")
        return (text if header == "|-" else text + "\n"), end

    def _flow(self, rest: str, key: str) -> Data:
        """``[a, b]`` and ``{k: v}`` of words, where they cannot be SQL that YAML has torn apart."""
        if key not in ("skip", "only") and self.section in _LINE_SECTIONS:
            raise _Leave
        inside = rest[1:-1]
        if _FLOW_LIST.fullmatch(rest):
            return [resolve_scalar(word.strip()) for word in inside.split(",")]
        if not _FLOW_MAPPING.fullmatch(rest):
            raise _Leave
        pairs = [entry.split(":", 1) for entry in inside.split(",")]
        entries: dict[str, Data] = {name.strip(): resolve_scalar(word.strip()) for name, word in pairs}
        if len(entries) != len(pairs):
            raise _Leave
        return entries


def _is_ordinary(text: str) -> bool:
    """Whether the text consists of visible characters, blanks within lines, and line feeds."""
    if text.isascii():
        # Deleting what is allowed and looking whether anything is left is the fastest check of a whole text.
        if text.encode().translate(None, _VISIBLE):
            return False
    elif "\t" in text or "\r" in text or HIDDEN.search(text):
        return False
    # Blanks at the end of a line are no part of a plain scalar, but would be of the text that the expression cuts out.
    return " \n" not in text and not text.endswith(" ")


def _leading(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


_LINE_SECTIONS: Final = STEP_SECTIONS | {"tasks", "workload"}
_MAX_DEPTH: Final = 20
_MAX_LINES: Final = 1_000_000  # all lines are in memory at once
_VISIBLE: Final = bytes([10, *range(32, 127)])


# Indentation, dash, key, then a plain scalar that cannot be anything else, or any other rest of the line. The first
# characters of numbers, null, true and false are excluded from it, since those have to be resolved.
_LINE: Final = lazy_regex(
    r"^( *)(- )?(?:([A-Za-z_][A-Za-z0-9_]*):(?: |$))?"
    r"(?:([^-?:,\[\]{}#&*!|>'\"%@`0-9+.~ntfNTF \n][^:#\n]*)$|(.*)$)",
    re.MULTILINE,
)


_PLAIN: Final = lazy_regex(r"[^-?:,\[\]{}#&*!|>'\"%@` ]|-[^ ]")
_COMMENT: Final = lazy_regex(r"(?:^| +)#.*")
_QUOTED: Final = lazy_regex(r"'[^']*'|\"[^\"\\]*\"")
_WORD: Final = r" *-?[A-Za-z0-9_.$]+(?:-[A-Za-z0-9_.$]+)* *"
_FLOW_LIST: Final = lazy_regex(rf"\[{_WORD}(?:,{_WORD})*\]")
_FLOW_MAPPING: Final = lazy_regex(rf"\{{ *[A-Za-z_][A-Za-z0-9_]*: {_WORD}(?:, *[A-Za-z_][A-Za-z0-9_]*: {_WORD})*\}}")
