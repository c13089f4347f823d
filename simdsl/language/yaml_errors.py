"""What a YAML syntax error means for somebody who wrote a line of SQL.

libyaml says what it missed and where it noticed; most often the cause is text that YAML takes for its own syntax, and
then a ``|`` block is the way out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from simdsl.language.positions import Finding
from simdsl.plan.codes import Code

USE_A_BLOCK: Final = "use a `|` block: write `|` here and the text on the next line, indented further; YAML leaves it alone"


def syntax_finding(error: Any, text: str) -> Finding:
    """The one finding for libyaml's error. ``error`` is ruamel.yaml's ``MarkedYAMLError``."""
    noticed = _index(getattr(error, "problem_mark", None), text)
    began = _index(getattr(error, "context_mark", None), text)
    problem = str(getattr(error, "problem", None) or error)
    begin = text.rfind("\n", 0, noticed) + 1
    lead = text[begin:noticed]
    tab = text[begin : noticed + 1].find("\t")
    if tab >= 0 and not lead.strip():
        return Finding(Code.Y014, begin + tab, begin + tab + 1, "a tab indents this line", "indent with spaces")
    for pattern, explain in _EXPLANATIONS:
        if re.search(pattern, problem):
            return explain(text, noticed, began)
    return _error(noticed, f"this is not YAML: {problem}", USE_A_BLOCK)


def _index(mark: Any, text: str) -> int:
    # At the end of the text the parser stands beyond it: the last character is the place to show.
    return min(mark.index, max(len(text.rstrip()) - 1, 0)) if mark is not None else 0


def _error(at: int, message: str, hint: str, length: int = 1) -> Finding:
    return Finding(Code.Y001, at, at + length, message, hint)


def _mapping_value(text: str, noticed: int, began: int) -> Finding:
    line = _line_before(text, noticed)
    if _KEY_ALREADY.match(line) or _ITEM_WITH_BLANKS.match(line):
        return _error(noticed, "`: ` inside this text makes YAML see a key", USE_A_BLOCK)
    return _error(
        noticed, "a key cannot stand here", "is it indented like the keys beside it, and is the text above it complete?"
    )


def _bad_start(text: str, noticed: int, began: int) -> Finding:
    if text[noticed] == "\t":
        return Finding(Code.Y014, noticed, noticed + 1, "a tab stands where YAML wants a space", "indent with spaces")
    return _error(noticed, f"in YAML no text can begin with `{text[noticed]}`", USE_A_BLOCK)


def _unclosed_quote(text: str, noticed: int, began: int) -> Finding:
    return _error(began, f"this `{text[began]}` is never closed", f"a text that begins with a quote: {USE_A_BLOCK}")


def _quote_escape(text: str, noticed: int, began: int) -> Finding:
    message = "in double quotes YAML reads a backslash as an escape, and does not know this one"
    return _error(noticed, message, USE_A_BLOCK, 2)


def _missed_key(text: str, noticed: int, began: int) -> Finding:
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


def _missed_colon(text: str, noticed: int, began: int) -> Finding:
    stop = text.find("\n", began)
    length = (stop if stop >= 0 else len(text)) - began
    return _error(
        began, "this line is neither `key: value` nor `- item`", f"if it continues the text above, {USE_A_BLOCK}", length
    )


def _block_indicator(text: str, noticed: int, began: int) -> Finding:
    line = _line_before(text, began)
    if _QUOTED_BEGINNING.match(line):
        return _missed_key(text, began, began)
    message = f"after `{text[began]}` only a comment or the end of the line may follow"
    return _error(noticed, message, "write the text on the next lines, indented further")


def _sequence_entry(text: str, noticed: int, began: int) -> Finding:
    return _error(
        noticed, "`- ` begins a list item here, not a text", f"put the list on the next line; for a text, {USE_A_BLOCK}"
    )


def _question(text: str, noticed: int, began: int) -> Finding:
    return _error(noticed, "`? ` begins a key here, not a text", USE_A_BLOCK)


def _anchor(text: str, noticed: int, began: int) -> Finding:
    name = "an anchor" if text[began] == "&" else "an alias"
    return _error(began, f"`{text[began]}` at the beginning of a text is {name} for YAML", USE_A_BLOCK)


def _tag(text: str, noticed: int, began: int) -> Finding:
    return Finding(Code.Y006, began, began + 1, "`!` at the beginning of a text is a tag for YAML", USE_A_BLOCK)


def _flow(text: str, noticed: int, began: int) -> Finding:
    what = "mapping" if text[began] == "{" else "list"
    message = f"this `{text[began]}` opens a {what} for YAML, which does not end as it should"
    return _error(began, message, f"items are parted by commas; for a text, {USE_A_BLOCK}")


def _flow_colon(text: str, noticed: int, began: int) -> Finding:
    return _error(noticed, "in brackets a `:` ends a plain text", "put the text in quotes")


def _node_content(text: str, noticed: int, began: int) -> Finding:
    return _error(noticed, f"in YAML no text can begin with `{text[noticed : noticed + 1]}`", USE_A_BLOCK)


def _directive(text: str, noticed: int, began: int) -> Finding:
    begin = text.rfind("\n", 0, noticed) + 1
    return Finding(
        Code.Y003, begin, noticed + 1, "a line that begins with `%` is a directive", "plans have none: leave it out"
    )


def _document_start(text: str, noticed: int, began: int) -> Finding:
    return _error(
        noticed, "the document ended before this", "a plan is one mapping, whose keys all stand in the first column"
    )


def _line_before(text: str, index: int) -> str:
    return text[text.rfind("\n", 0, index) + 1 : index]


_PREFIX: Final = r"\s*(?:- +)*(?:[^\s'\"{\[:][^:]*:\s+)?"
_KEY_ALREADY: Final = re.compile(r"\s*(?:- +)*[^\s'\"{\[:][^:]*:\s")
_ITEM_WITH_BLANKS: Final = re.compile(r"\s*- +\S+\s")
_QUOTED_BEGINNING: Final = re.compile(_PREFIX + r"(?P<quote>['\"]).*(?P=quote)")
_BRACKET_BEGINNING: Final = re.compile(_PREFIX + r"[{\[]")
_EXPLANATIONS: Final[tuple[tuple[str, Callable[[str, int, int], Finding]], ...]] = (
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
