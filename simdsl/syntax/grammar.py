"""The only door to Lark: from a string with syntax of its own to a syntax tree, or to an explanation of what is wrong.

The grammar is grammar/plan.lark. Lark is imported and a parser is built when the first string needs them. That takes some
tens of milliseconds, which a plan of common expectations (``expectations.fast_expectation``) never spends.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, TypeAlias

from simdsl.plan import codes
from simdsl.plan.codes import Code
from simdsl.plan.deferred import lazy_regex
from simdsl.syntax.problems import ParseError, ParseIssue, nearest

if TYPE_CHECKING:
    from lark import Lark, Token, Tree
    from lark.exceptions import UnexpectedInput
    from lark.load_grammar import Grammar


if TYPE_CHECKING:
    from lark import Lark, Token, Tree
    from lark.exceptions import UnexpectedInput
    from lark.load_grammar import Grammar

    Leaf: TypeAlias = Token
    Branch: TypeAlias = Tree[Token]


def parse(start: str, text: str) -> Branch:
    """The tree of a text by a start rule of the grammar. Raises ``ParseError`` with offsets into this text."""
    from lark.exceptions import UnexpectedInput  # start-up: see above, as for all imports of Lark here

    try:
        return _parser("expectation" if start == "expectation" else _other_starts()).parse(text, start=start)
    except UnexpectedInput as error:
        raise ParseError(_issue(error, text)) from None


@cache  # two parsers: 25 ms for expectations, which is all that most plans need, and 45 ms for all other rules
def _parser(starts: str | tuple[str, ...]) -> Lark:
    from lark import Lark  # start-up

    return Lark(
        _grammar(),
        start=[starts] if isinstance(starts, str) else list(starts),
        parser="lalr",
        lexer="contextual",
        maybe_placeholders=False,
    )


@cache
def _text() -> str:
    return codes.path("grammar/plan.lark").read_text(encoding="utf-8")


@cache
def _other_starts() -> tuple[str, ...]:
    """The start rules besides expectations: one for each verb with a syntax of its own, found by its name."""
    return ("check", "duration", "schedule", *_HEAD.findall(_text()))


@cache  # read once for both parsers: 20 ms
def _grammar() -> Grammar:
    from lark.load_grammar import load_grammar  # start-up

    text = _text()
    grammar: Grammar = load_grammar(text, "plan.lark", [], False)[0]  # type: ignore[no-untyped-call]
    return grammar


def _issue(error: UnexpectedInput, text: str) -> ParseIssue:
    """Lark's error in the words of the plan language, with the nearest word that is allowed there."""
    from lark.exceptions import UnexpectedCharacters, UnexpectedToken  # start-up

    if isinstance(error, UnexpectedToken):
        # `accepts` tries every terminal on a copy of the parser: slow, but without those that LALR merely cannot rule out.
        expected = error.accepts or error.expected
        start = len(text) if error.token.type == "$END" else error.token.start_pos or 0
    else:
        expected = error.allowed if isinstance(error, UnexpectedCharacters) else set()
        start = error.pos_in_stream or 0
    words = tuple(word for terminal, words in _WORDS.items() if terminal in expected for word in words)
    shapes = tuple(shape for terminal, shape in _SHAPES.items() if terminal in expected)
    # Blanks are ignored by the lexer, so Lark points before them.
    start += len(text[start:]) - len(text[start:].lstrip())
    match = _WORD.match(text, start)
    if match is None:
        end = len(text.rstrip())
        return ParseIssue(
            code=Code.G202, message="the line ends too early", start=end, end=end, help=_expected(words, shapes)
        )
    # Mistakes that deserve a better answer than a list of what is allowed.
    special = next((answer for prefix, answer in _SPECIAL if text.startswith(prefix, start)), None)
    if special is not None:
        code, message, help_ = special
        return ParseIssue(code=code, message=message, start=start, end=match.end(), help=help_)
    # Only among the words that are allowed at this place: `row` is no suggestion after `error`.
    option = nearest(match.group(), words)
    return ParseIssue(
        code=Code.G201,
        message=f"unexpected `{match.group()}` in a plan line",
        start=start,
        end=match.end(),
        help=f"did you mean `{option}`?" if option else _expected(words, shapes),
    )


def _expected(words: tuple[str, ...], shapes: tuple[str, ...]) -> str | None:
    options = [*shapes, *(f"`{word}`" for word in words)]
    return f"here may stand: {', '.join(options)}" if options else None


_HEAD: Final = lazy_regex(r"(?m)^(\w+_head):")
_WORD: Final = lazy_regex(r"[\w$?]+|\S")


_SPECIAL: Final = (
    ("--", (Code.G206, "no comment can stand after the arrow", "put it into `why:`")),
    ("/*", (Code.G206, "no comment can stand after the arrow", "put it into `why:`")),
    ("'", (Code.G101, "the quote ' does not end", None)),
    ('"', (Code.G201, 'unexpected `"` in a plan line', "text is written 'so', and '' is a quote within it")),
    ("=>", (Code.G201, "unexpected `=>` in a plan line", "a line has one arrow; alternatives are joined by `or`")),
)


# What a person writes for each terminal: a word, or something of a certain shape.
_WORDS: Final = {
    "OK": ("ok",),
    "COUNTED": ("affected", "rows", "row", "columns", "column"),
    "BLOCKS": ("blocks",),
    "EMPTY": ("empty",),
    "_CONTAINS": ("contains",),
    "_EXCLUDES": ("excludes",),
    "_SAME": ("same as",),
    "_AS": ("as",),
    "_ERROR": ("error",),
    "_NATIVE": ("native",),
    "_IN": ("in",),
    "ANY": ("any",),
    "ORDER": ("order",),
    "_OR": ("or",),
    "_AND": ("and",),
    "_NOT": ("not",),
    "_SUBSET": ("subset of",),
    "_OF": ("of",),
    "LABEL_FUNCTION": ("rows", "columns", "affected", "value", "error", "bag", "set"),
    "FUNCTION": ("min", "max", "coalesce", "abs"),
    "_SLICE": ("slice",),
    "_POOL": ("pool",),
    "_ERRORS": ("errors",),
    "_NOW": ("now",),
    "_ATTEMPTS": ("times",),
    "_ON": ("on",),
    "_EVERY": ("every",),
    "_FROM": ("from",),
    "ALL": ("all",),
    "NULL": ("NULL",),
    "TRUE": ("true",),
    "FALSE": ("false",),
    "INFINITY": ("inf",),
    "NAN": ("nan",),
    "TYPE": ("date", "time", "timestamp", "decimal"),
    "COMMA": (",",),
    "LPAR": ("(",),
    "RPAR": (")",),
    "LSQB": ("[",),
    "RSQB": ("]",),
}


_SHAPES: Final = {
    "NAME": "a name",
    "NUMBER": "a number",
    "DURATION": "a duration such as `5ms`",
    "STRING": "'text'",
    "VARIABLE": "`$name`",
    "BINDING": "`?name`",
    "SQLSTATE": "an SQLSTATE",
    "REGEX": "/a regular expression/",
    "COMPARE": "a comparison",
}
