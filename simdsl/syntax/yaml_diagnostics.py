"""What a YAML error, or YAML that is well-formed but ambiguous, means to someone who wrote a line of SQL.

libyaml reports what it expected and where it noticed; the usual cause is text that YAML takes for its own syntax, and
a ``|`` block is the way out. Ambiguities (rules 3 and 4) depend on where a scalar stands: a comment next to ``doc`` is a
comment, next to a line of SQL it may be half of that line."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from simdsl.plan.backend_facts import BACKEND_NAMES
from simdsl.plan.codes import Code
from simdsl.plan.deferred import lazy_regex
from simdsl.plan.diagnostics import Path
from simdsl.plan.steps import STEP_OPTIONS, VERBS
from simdsl.syntax.source_map import ListNode, MapNode, Node, ReaderIssue, ReaderIssues, ScalarNode, ScalarStyle, step_lists

USE_A_BLOCK: Final = "use a `|` block: write `|` here and the text on the next line, indented further; YAML leaves it alone"


def syntax_issue(error: Any, text: str) -> ReaderIssue:
    """The one issue for libyaml's error. ``error`` is ruamel.yaml's ``MarkedYAMLError``."""
    noticed = _index(getattr(error, "problem_mark", None), text)
    began = _index(getattr(error, "context_mark", None), text)
    problem = str(getattr(error, "problem", None) or error)
    begin = text.rfind("\n", 0, noticed) + 1
    lead = text[begin:noticed]
    # A tab is behind the most baffling of these errors, so it is looked for first, whatever libyaml reports.
    tab = text[begin : noticed + 1].find("\t")
    if tab >= 0 and not lead.strip():
        return ReaderIssue(Code.Y014, begin + tab, begin + tab + 1, "a tab indents this line", "indent with spaces")
    # By the message: libyaml has no error codes. A message that is not known here is shown as it is.
    for pattern, explain in _EXPLANATIONS:
        if re.search(pattern, problem):
            return explain(text, noticed, began)
    return _error(noticed, f"this is not YAML: {problem}", USE_A_BLOCK)


def _index(mark: Any, text: str) -> int:
    # At the end of the text the parser stands beyond it: the last character is the place to show.
    return min(mark.index, max(len(text.rstrip()) - 1, 0)) if mark is not None else 0


def _error(at: int, message: str, hint: str, length: int = 1) -> ReaderIssue:
    return ReaderIssue(Code.Y001, at, at + length, message, hint)


def _mapping_value(text: str, noticed: int, began: int) -> ReaderIssue:
    line = _line_before(text, noticed)
    if _KEY_ALREADY.match(line) or _ITEM_WITH_BLANKS.match(line):
        return _error(noticed, "`: ` inside this text makes YAML see a key", USE_A_BLOCK)
    return _error(
        noticed, "a key cannot stand here", "is it indented like the keys beside it, and is the text above it complete?"
    )


def _bad_start(text: str, noticed: int, began: int) -> ReaderIssue:
    if text[noticed] == "\t":
        return ReaderIssue(Code.Y014, noticed, noticed + 1, "a tab stands where YAML wants a space", "indent with spaces")
    return _error(noticed, f"in YAML no text can begin with `{text[noticed]}`", USE_A_BLOCK)


def _unclosed_quote(text: str, noticed: int, began: int) -> ReaderIssue:
    return _error(began, f"this `{text[began]}` is never closed", f"a text that begins with a quote: {USE_A_BLOCK}")


def _quote_escape(text: str, noticed: int, began: int) -> ReaderIssue:
    message = "in double quotes YAML reads a backslash as an escape, and does not know this one"
    return _error(noticed, message, USE_A_BLOCK, 2)


def _missed_key(text: str, noticed: int, began: int) -> ReaderIssue:
    line = _line_before(text, noticed)
    if (quote := _QUOTED_BEGINNING.match(line)) is not None:
        message = f"the text goes on after the closing `{quote['quote']}`, but for YAML it ended there"
        return _error(noticed, message, f"a text that begins with a quote: {USE_A_BLOCK}")
    if _BRACKET_BEGINNING.match(line):
        return _error(noticed, "the text goes on after the closing bracket, but for YAML it ended there", USE_A_BLOCK)
    if not line.strip():
        return _error(
            noticed, "this line is not indented like the ones beside it", "line it up with the key or the `-` above"
        )
    return _error(noticed, "YAML ends the text before this", USE_A_BLOCK)


def _missed_colon(text: str, noticed: int, began: int) -> ReaderIssue:
    stop = text.find("\n", began)
    length = (stop if stop >= 0 else len(text)) - began
    return _error(
        began, "this line is neither `key: value` nor `- item`", f"if it continues the text above, {USE_A_BLOCK}", length
    )


def _block_indicator(text: str, noticed: int, began: int) -> ReaderIssue:
    line = _line_before(text, began)
    if _QUOTED_BEGINNING.match(line):
        return _missed_key(text, began, began)
    message = f"after `{text[began]}` only a comment or the end of the line may follow"
    return _error(noticed, message, "write the text on the next lines, indented further")


def _sequence_entry(text: str, noticed: int, began: int) -> ReaderIssue:
    return _error(
        noticed, "`- ` begins a list item here, not a text", f"put the list on the next line; for a text, {USE_A_BLOCK}"
    )


def _question(text: str, noticed: int, began: int) -> ReaderIssue:
    return _error(noticed, "`? ` begins a key here, not a text", USE_A_BLOCK)


def _anchor(text: str, noticed: int, began: int) -> ReaderIssue:
    name = "an anchor" if text[began] == "&" else "an alias"
    return _error(began, f"`{text[began]}` at the beginning of a text is {name} for YAML", USE_A_BLOCK)


def _tag(text: str, noticed: int, began: int) -> ReaderIssue:
    return ReaderIssue(Code.Y006, began, began + 1, "`!` at the beginning of a text is a tag for YAML", USE_A_BLOCK)


def _flow(text: str, noticed: int, began: int) -> ReaderIssue:
    what = "mapping" if text[began] == "{" else "list"
    message = f"this `{text[began]}` opens a {what} for YAML, which does not end as it should"
    return _error(began, message, f"items are parted by commas; for a text, {USE_A_BLOCK}")


def _flow_colon(text: str, noticed: int, began: int) -> ReaderIssue:
    return _error(noticed, "in brackets a `:` ends a plain text", "put the text in quotes")


def _node_content(text: str, noticed: int, began: int) -> ReaderIssue:
    return _error(noticed, f"in YAML no text can begin with `{text[noticed : noticed + 1]}`", USE_A_BLOCK)


def _directive(text: str, noticed: int, began: int) -> ReaderIssue:
    begin = text.rfind("\n", 0, noticed) + 1
    return ReaderIssue(
        Code.Y003, begin, noticed + 1, "a line that begins with `%` is a directive", "plans have none: leave it out"
    )


def _document_start(text: str, noticed: int, began: int) -> ReaderIssue:
    return _error(
        noticed, "the document ended before this", "a plan is one mapping, whose keys all stand in the first column"
    )


def _line_before(text: str, index: int) -> str:
    return text[text.rfind("\n", 0, index) + 1 : index]


_PREFIX: Final = r"\s*(?:- +)*(?:[^\s'\"{\[:][^:]*:\s+)?"


_KEY_ALREADY: Final = lazy_regex(r"\s*(?:- +)*[^\s'\"{\[:][^:]*:\s")


_ITEM_WITH_BLANKS: Final = lazy_regex(r"\s*- +\S+\s")
_QUOTED_BEGINNING: Final = lazy_regex(_PREFIX + r"(?P<quote>['\"]).*(?P=quote)")


_BRACKET_BEGINNING: Final = lazy_regex(_PREFIX + r"[{\[]")


_EXPLANATIONS: Final[tuple[tuple[str, Callable[[str, int, int], ReaderIssue]], ...]] = (
    ("mapping values are not allowed", _mapping_value),
    ("cannot start any token", _bad_start),
    ("unexpected end of stream|unexpected document indicator", _unclosed_quote),
    ("unknown escape|invalid Unicode character escape|expected hexdecimal", _quote_escape),
    ("expected key|expected '-' indicator", _missed_key),
    ("could not find expected ':'", _missed_colon),
    ("expected comment or line break|indentation indicator", _block_indicator),
    ("block sequence entries", _sequence_entry),
    ("mapping keys are not allowed", _question),
    ("alphabetic or numeric", _anchor),
    ("tag|URI|'!'|whitespace or line break", _tag),
    ("unexpected ':'", _flow_colon),
    (r"expected ',' or '[\]}]'", _flow),
    ("expected node content", _node_content),
    ("directive|version|incompatible YAML|digit or '.'", _directive),
    ("expected <document start>", _document_start),
)


def find_ambiguities(root: Node, text: str) -> ReaderIssues:
    """All ambiguities of a document, in the order of its text, and the paths whose text is therefore not what was meant."""
    walk = _Walk(text)
    for path, body in step_lists(root):
        walk.steps(body, path)
    return walk.issues


def is_harmless_comment(line: str, comment: str) -> bool:
    """Whether a comment after a line, with the blanks before it, is certainly a comment and no part of the SQL."""
    return (
        _HARMLESS.match(comment) is not None
        and "=>" not in comment
        and _ARROW.search(line) is not None
        and _is_balanced(line)
    )


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.issues = ReaderIssues()

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
            # `label`, `why` and the like are no SQL, so a comment after them is a comment.
            if key.text in STEP_OPTIONS:
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
        if node.style is ScalarStyle.FOLDED:
            message = "`>` joins the lines of this text: a `--` comment would swallow what follows it"
            self._find(Code.Y013, node.start, node.start + 1, message, "use `|` instead of `>`", path)
        elif node.style is not ScalarStyle.LITERAL and "\n" in source:
            message = "YAML joins the lines of this text: a `--` comment would swallow what follows it"
            self._find(Code.Y013, node.start, node.start + source.index("\n"), message, USE_A_BLOCK, path)
        elif node.style is ScalarStyle.PLAIN and in_flow and is_sql and node.text:
            message = "in brackets a comma or a bracket ends a plain text"
            hint = "write the step on a line of its own, or put the text in quotes"
            self._find(Code.Y012, node.start, node.end, message, hint, path)
        elif node.style is ScalarStyle.PLAIN:
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
        self.issues.add(ReaderIssue(code, start, end, message, hint), path)


def _is_torn(key: ScalarNode, value: Node) -> bool:
    """Whether this entry of ``{...}`` is a piece of SQL rather than a key and its value."""
    return _KEY.fullmatch(key.text) is None or (isinstance(value, ScalarNode) and value.start == value.end)


def _is_balanced(text: str) -> bool:
    """Whether no quote and no bracket is open at the end. Comments count as text: this only asks for a second look."""
    # A rough check on purpose: a false alarm asks for a `|` block, a miss runs other SQL than the one on the page.
    rest = _QUOTED.sub("", text)
    if "'" in rest or '"' in rest or "`" in rest:
        return False
    return all(rest.count(left) == rest.count(right) for left, right in ("()", "[]", "{}"))


_COMMENT: Final = lazy_regex(r"(?P<blanks>[ \t]+)(?P<cut>#[^\n\r]*)")
_HARMLESS: Final = lazy_regex(r" {2,}# ")
_ARROW: Final = lazy_regex(r"(?<!\S)=>(?!\S)")
_KEY: Final = lazy_regex(r"[a-z_][a-z0-9_]*")
_QUOTED: Final = lazy_regex(r"'[^']*'|\"[^\"]*\"|`[^`]*`|(\$\w*\$).*?\1", re.DOTALL)
