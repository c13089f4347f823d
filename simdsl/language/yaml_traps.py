"""The traps of YAML for lines of SQL (rules 3 and 4): what is well-formed, and not what was meant.

They depend on where a scalar stands: a comment beside ``doc`` is a comment, beside a SQL line it may be half of the line.
"""

from __future__ import annotations

import re
from dataclasses import field
from typing import Final

from simdsl.language.positions import Finding
from simdsl.language.tree import ListNode, MapNode, Node, ScalarNode, Style, step_lists
from simdsl.language.yaml_errors import USE_A_BLOCK
from simdsl.plan.codes import Code
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.ir import BACKEND_NAMES, SIBLINGS, VERBS, Path


@dataclass(slots=True)
class Traps:
    """What a tree hides from its author, and the paths whose text is therefore not what was meant."""

    findings: list[Finding] = field(default_factory=list)
    refused: list[Path] = field(default_factory=list)


def find_traps(root: Node, text: str) -> Traps:
    """All traps of a document, in the order of its text."""
    walk = _Walk(text)
    for path, body in step_lists(root):
        walk.steps(body, path)
    return walk.traps


def is_harmless(line: str, comment: str) -> bool:
    """Whether a comment behind a line, its blanks included, is one that nobody need be told of."""
    return (
        _HARMLESS.match(comment) is not None
        and "=>" not in comment
        and _ARROW.search(line) is not None
        and _is_balanced(line)
    )


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.traps = Traps()

    def steps(self, node: Node, path: Path) -> None:
        """A list of steps. What is no list is the loader's to refuse."""
        for index, item in enumerate(node.items if isinstance(node, ListNode) else ()):
            place = (*path, index)
            match item:
                case ScalarNode():
                    self._line(item, place, in_flow=isinstance(node, ListNode) and node.flow)
                case MapNode():
                    self._step(item, place)
                case ListNode():
                    self._collection(item, place)

    def _step(self, step: MapNode, path: Path) -> None:
        if step.flow and any(_is_torn(key, value) for key, value in step.entries):
            self._collection(step, path)
            return
        for key, value in step.entries:
            place = (*path, key.text)
            if key.text in SIBLINGS:
                continue
            if key.text == "do":
                self.steps(value, place)
            elif isinstance(value, ScalarNode):
                self._line(value, place, in_flow=step.flow, key=key.text)
            else:
                self._collection(value, place)

    def _collection(self, node: ListNode | MapNode, path: Path) -> None:
        """Brackets where a line should stand. A block of YAML there is no trap, only wrong, and the loader says so."""
        if not node.flow:
            return
        what = "list" if isinstance(node, ListNode) else "mapping"
        message = f"a step is text, but YAML reads this as a {what}"
        self._find(Code.Y011, node.start, node.end, message, USE_A_BLOCK, path)

    def _line(self, node: ScalarNode, path: Path, *, in_flow: bool, key: str = "") -> None:
        is_sql = key not in VERBS
        source = self.text[node.start : node.end]
        if node.style is Style.FOLDED:
            message = "`>` joins the lines of this text: a `--` comment would swallow what follows it"
            self._find(Code.Y013, node.start, node.start + 1, message, "use `|` instead of `>`", path)
        elif node.style is not Style.LITERAL and "\n" in source:
            message = "YAML joins the lines of this text: a `--` comment would swallow what follows it"
            self._find(Code.Y013, node.start, node.start + source.index("\n"), message, USE_A_BLOCK, path)
        elif node.style is Style.PLAIN and in_flow and is_sql and node.text:
            message = "in brackets a comma or a bracket ends a plain text"
            hint = "write the step on a line of its own, or put the text in quotes"
            self._find(Code.Y012, node.start, node.end, message, hint, path)
        elif node.style is Style.PLAIN:
            self._comment(node, path, is_sql=is_sql, may_expect=key not in BACKEND_NAMES)

    def _comment(self, node: ScalarNode, path: Path, *, is_sql: bool, may_expect: bool) -> None:
        """Rule 3, by the raw text after the scalar: the parser has no events for comments.

        An override may leave the expectation to its base line, so that nothing is missing there.
        """
        rest = _COMMENT.match(self.text, node.end)
        if rest is None:
            return
        reason = None
        if "=>" in rest["cut"]:
            reason = "and the expectation in it"
        elif not _is_balanced(node.text):
            reason = "in the middle of a quote or a bracket"
        elif is_sql and (len(rest["blanks"]) < 2 or rest["cut"][1:2] not in ("", " ")):
            reason = "which has not two spaces before its `#` and one after it"
        if reason is not None:
            message = f"YAML takes the rest of this line for a comment, {reason}"
            hint = f"for a comment, write two spaces, `#` and a space; for SQL, {USE_A_BLOCK}"
            self._find(Code.Y010, rest.start("cut"), rest.end("cut"), message, hint, path)
        elif is_sql and may_expect and not _ARROW.search(node.text):
            message = "a comment ends this line, and the line expects nothing"
            hint = "if nothing is missing, put the comment on a line of its own"
            self._find(Code.W001, rest.start("cut"), rest.end("cut"), message, hint, None)

    def _find(self, code: Code, start: int, end: int, message: str, hint: str, path: Path | None) -> None:
        self.traps.findings.append(Finding(code, start, end, message, hint))
        if path is not None:
            self.traps.refused.append(path)


def _is_torn(key: ScalarNode, value: Node) -> bool:
    """Whether this entry of ``{...}`` is a piece of SQL rather than a key and its value."""
    return _KEY.fullmatch(key.text) is None or (isinstance(value, ScalarNode) and value.start == value.end)


def _is_balanced(text: str) -> bool:
    """Whether no quote and no bracket is open at the end. Comments count as text: this only asks for a second look."""
    rest = _QUOTED.sub("", text)
    if "'" in rest or '"' in rest or "`" in rest:
        return False
    return all(rest.count(left) == rest.count(right) for left, right in ("()", "[]", "{}"))


_COMMENT: Final = re.compile(r"(?P<blanks>[ \t]+)(?P<cut>#[^\n\r]*)")
_HARMLESS: Final = re.compile(r" {2,}# ")
_ARROW: Final = re.compile(r"(?<!\S)=>(?!\S)")
_KEY: Final = re.compile(r"[a-z_][a-z0-9_]*")
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|(\$\w*\$).*?\1", re.DOTALL)
