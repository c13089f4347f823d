"""Translate the statements of a plan from its dialect to that of a backend.

Each lowering of a plan has its own ``Translator``, which caches templates: a statement that differs from an earlier one
only in its literals costs some microseconds, any other about a millisecond. Where both dialects are the same, a statement
is returned as it is, and sqlglot is never imported.

A statement is recognized by what is left without its literals, as lines are in `simdsl.syntax.sql_lines`. A
literal is an integer, a decimal number or a string without a backslash. The first statement of its kind is tokenized: if
anything that was cut out is part of a comment or of a name, no literals are cut out of statements like it. Statements with
the same rest are cut at the same places, because a quote inside of a string is doubled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from simdsl.plan.deferred import dataclass, lazy_regex
from simdsl.plan.sql import Dialect, Sql, SqlKind, Variable

# One pass over the text finds all literals. A lexer would be exact and slower; what this expression cannot see (comments,
# quoted names) is ruled out once for each kind of statement by ``all_cuts_are_tokens``.
_LITERAL: Final = lazy_regex(
    r"""([0-9'](?:
        (?<=')(?<![\w]') [^'\\\0]*+ (?:''[^'\\\0]*+)*+ '                                       # text
      | (?<![\w$?:@."`\]][0-9]) (?:(?<=0)|(?<=[1-9])[0-9]{0,17}) (?:\.[0-9]{1,15})? (?![\w.$])   # a number
    ))""",
    re.VERBOSE,
)

_TEXT: Final = lazy_regex(r"'(?:[^']|'')*+'")


SPLIT: Final = _LITERAL.split
"""Cut a text into what is left and its literals, in turn."""


def literal_types(literals: Sequence[str]) -> str:
    """One letter for the type of each literal: t for a string, i for an integer, d for a decimal number."""
    return "".join(["t" if one[0] == "'" else "d" if "." in one else "i" for one in literals])


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholders:
    """Words that stand for literals and variables while a statement is translated. None of them occurs in the statement."""

    letters: str
    number: int

    @classmethod
    def for_text(cls, text: str) -> Placeholders:
        """Placeholders that do not occur in the text."""
        # Letters that no word of SQL contains, and a number of 13 digits, which survives every rewrite of arithmetic.
        letters, number = "zq", 7_310_958_000_000
        while letters in text.lower():
            letters += "q"
        while str(number)[:7] in text:
            number += 1_000_000
        return cls(letters=letters, number=number)

    def of_literal(self, index: int, literal: str) -> tuple[str, str]:
        """The text that replaces a literal, and the name under which it is found in a syntax tree."""
        if literal[0] == "'":
            return f"'{self.letters}t{index}x'", f"{self.letters}t{index}x"
        number = f"{self.number + index}{'.5' if '.' in literal else ''}"
        return number, number

    def of_variable(self, index: int, *, is_name: bool) -> tuple[str, str]:
        """The text that replaces a variable, and the name under which it is found in a syntax tree."""
        if is_name:
            return f'"{self.letters}n{index}x"', f"{self.letters}n{index}x"
        return f":{self.letters}v{index}x", f"{self.letters}v{index}x"


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlTemplate:
    """A translated statement in pieces. ``holes`` are pairs: index of a piece, index of the literal that fills it."""

    pieces: tuple[str | Variable, ...]
    holes: tuple[tuple[int, int], ...]

    def filled(self, literals: Sequence[str], quoted: Callable[[str], str] | None) -> tuple[str | Variable, ...]:
        """The fragments of the statement with these literals. ``quoted`` rewrites a string literal for the target."""
        pieces = list(self.pieces)
        for at, index in self.holes:
            literal = literals[index]
            pieces[at] = literal if quoted is None else quoted(literal)
        # Most statements have no variables: joining optimistically is faster than looking for one.
        try:
            return ("".join(pieces),)  # type: ignore[arg-type]  # a Var among them is the error below
        except TypeError:
            return _merged(pieces)


def make_template(text: str, marks: Placeholders, literals: dict[str, int], variables: dict[str, Variable]) -> SqlTemplate:
    """Cut a translated text at its placeholders, which map to an index of a literal or to a variable."""
    word = rf"{marks.letters}[tvn]\d+x|\d{{13,}}(?:\.5)?"
    pieces: list[str | Variable] = []
    holes: list[tuple[int, int]] = []
    position = 0
    for found in re.finditer(rf"N?'(?P<text>{word})'|[\"\[`](?P<name>{word})[\"\]`]|(?<!\w)(?P<bare>{word})(?!\w)", text):
        mark = found.group("text") or found.group("name") or found.group("bare")
        if mark not in variables and mark not in literals:
            continue  # a long number that the statement itself contains
        pieces.append(text[position : found.start()])
        if mark in variables:
            pieces.append(variables[mark])
        else:
            holes.append((len(pieces), literals[mark]))
            pieces.append("")
        position = found.end()
    pieces.append(text[position:])
    return SqlTemplate(pieces=tuple(pieces), holes=tuple(holes))


def string_literals(text: str) -> list[str]:
    """The string literals of a generated statement, with their quotes."""
    return _TEXT.findall(text)


def all_cuts_are_tokens(sql: Sql, tokens: set[tuple[int, int]]) -> bool:
    """Whether each literal that is cut out is a whole token. ``tokens`` are pairs of start and end."""
    position = 0
    for index, part in enumerate(SPLIT(sql.text)):
        if index % 2 and (position, position + len(part)) not in tokens:
            return False
        position += len(part)
    return True


def _merged(pieces: Sequence[str | Variable]) -> tuple[str | Variable, ...]:
    """Join adjacent strings, and drop the empty ones."""
    merged: list[str | Variable] = []
    for piece in pieces:
        if isinstance(piece, Variable):
            merged.append(piece)
        elif merged and isinstance(merged[-1], str):
            merged[-1] += piece
        elif piece:
            merged.append(piece)
    return tuple(merged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Untranslatable:
    """A statement contains a construct without a faithful translation. ``help`` says what to write instead."""

    construct: str  # "GLOB", "the rowid of a table", "INSERT OR REPLACE"
    target: Dialect
    help: str

    @property
    def message(self) -> str:
        """One sentence for a diagnostic."""
        return f"{self.construct} cannot be translated to {self.target}"


SOURCES: Final = (Dialect.SQLITE, Dialect.POSTGRES)
"""The dialects whose semantics are known well enough to translate from them."""


class Translator:
    """Translates statements from ``source`` to ``target``. ``identifiers`` are the variables that stand for names."""

    __slots__ = ("_identifiers", "_quoted", "_shapes", "_source", "_target", "_whole")

    def __init__(self, source: Dialect, target: Dialect, identifiers: frozenset[str] = frozenset()) -> None:
        self._source = source
        self._target = target
        self._identifiers = identifiers
        self._shapes: dict[tuple[str, ...], _StatementShape | None] = {}  # by the rest without literals; None: do not cut
        self._whole: dict[str, SqlTemplate | Untranslatable] = {}  # statements whose literals are not cut out
        self._quoted = _unicode if target is Dialect.TSQL else None

    def translate(self, sql: Sql) -> Sql | Untranslatable:
        """The statement for the target; the same object where nothing has to be translated."""
        if self._source is self._target or sql.transaction is not None:
            return sql
        if self._source not in SOURCES:
            return _refused(f"SQL that is written in {self._source}", None, self._target)
        fragments = sql.fragments
        text = fragments[0] if len(fragments) == 1 and isinstance(fragments[0], str) else sql.text
        parts = SPLIT(text)
        shape = self._shape(sql, tuple(parts[::2]))
        if shape is None:
            literals: list[str] = []
            template = self._whole.get(text)
            if template is None:
                template = self._whole[text] = self._learnt(sql, [text], frozenset())[0]
        else:
            literals = parts[1::2]
            template = shape.template(literals) or self._learn(sql, shape, parts)
        if isinstance(template, Untranslatable):
            return template
        made = template.filled(literals, self._quoted)
        return Sql(fragments=made, kind=sql.kind, ordered=sql.ordered)

    def _shape(self, sql: Sql, rest: tuple[str, ...]) -> _StatementShape | None:
        """What is known about statements with this rest; None if their literals must not be cut out."""
        try:
            return self._shapes[rest]
        except KeyError:
            # DDL is rarely repeated, and sizes and defaults in it are not values.
            can = sql.kind is not SqlKind.DDL and self._are_literals(sql)
            shape = self._shapes[rest] = _StatementShape() if can else None
            return shape

    def _are_literals(self, sql: Sql) -> bool:
        # sqlglot is imported late, because most plans are never translated.
        from simdsl.dialect.sqlglot_adapter import SqlParseError, token_spans

        try:
            tokens = {(start, end) for start, end, _ in token_spans(sql.text, self._source)}
        except SqlParseError:
            return False
        return all_cuts_are_tokens(sql, tokens)

    def _learn(self, sql: Sql, shape: _StatementShape, parts: list[str]) -> SqlTemplate | Untranslatable:
        template, pinned = self._learnt(sql, parts, frozenset())
        if pinned:
            template, _ = self._learnt(sql, parts, pinned)
        shape.learn(parts[1::2], pinned, template)
        return template

    def _learnt(
        self, sql: Sql, parts: list[str], pinned: frozenset[int]
    ) -> tuple[SqlTemplate | Untranslatable, frozenset[int]]:
        """The template of a statement; or no template, and the literals whose values have to stay in the text for one."""
        # sqlglot is imported late, because most plans are never translated.
        from simdsl.dialect.transpile import transpile
        from simdsl.dialect.unsupported import DialectPair, Unsupported

        marks = Placeholders.for_text(sql.text)
        literals: dict[str, int] = {}
        pieces: list[str] = []
        for at, part in enumerate(parts):
            index = at // 2
            if at % 2 == 0 or index in pinned:
                pieces.append(part)
                continue
            shown, called = marks.of_literal(index, part)
            literals[called] = index
            pieces.append(shown)
        text, variables = self._without_variables(sql, "".join(pieces), marks)
        values = frozenset(name for name, var in variables.items() if var.name not in self._identifiers)
        route = DialectPair(source=self._source, target=self._target)
        try:
            carried = transpile(text, route, frozenset(literals), values)
            if carried.pinned:
                return _NOTHING, pinned | {literals[mark] for mark in carried.pinned}
            return self._cut(carried.text, marks, literals, variables), pinned
        except Unsupported as cannot:
            return _refused(cannot.construct, cannot.advice, self._target), pinned
        except RecursionError:
            return _refused("a statement nested this deeply", None, self._target), pinned

    def _cut(self, text: str, marks: Placeholders, literals: dict[str, int], variables: dict[str, Variable]) -> SqlTemplate:
        from simdsl.dialect.unsupported import Unsupported  # which needs sqlglot

        quoted = string_literals(text)
        if any(mark in one for one in quoted for mark in variables):
            raise Unsupported("a name from a param, which would have to stand in a text")
        return make_template(text, marks, literals, variables)

    def _without_variables(self, sql: Sql, text: str, marks: Placeholders) -> tuple[str, dict[str, Variable]]:
        """The text with placeholders instead of its variables, and the variable of each placeholder."""
        variables: dict[str, Variable] = {}
        pieces: list[str] = []
        position = 0
        for index, var in enumerate(part for part in sql.fragments if isinstance(part, Variable)):
            shown, called = marks.of_variable(index, is_name=var.name in self._identifiers)
            variables[called] = var
            at = text.index(f"${var.name}", position)
            pieces += (text[position:at], shown)
            position = at + 1 + len(var.name)
        pieces.append(text[position:])
        return "".join(pieces), variables


class _StatementShape:
    """The templates of statements with the same rest, by the types of all and the values of pinned literals."""

    __slots__ = ("_pinned", "_templates")

    def __init__(self) -> None:
        self._pinned: dict[str, tuple[int, ...]] = {}
        self._templates: dict[tuple[str, ...], SqlTemplate | Untranslatable] = {}

    def template(self, literals: list[str]) -> SqlTemplate | Untranslatable | None:
        """The template for these literals; None if there is none yet."""
        signs = literal_types(literals)
        pinned = self._pinned.get(signs)
        if pinned is None:
            return None
        return self._templates.get((signs, *[literals[i] for i in pinned]) if pinned else (signs,))

    def learn(self, literals: list[str], pinned: frozenset[int], template: SqlTemplate | Untranslatable) -> None:
        """Add a template."""
        signs = literal_types(literals)
        order = tuple(sorted(pinned))
        self._pinned[signs] = order
        self._templates[(signs, *[literals[i] for i in order])] = template


def _refused(construct: str, advice: str | None, target: Dialect) -> Untranslatable:
    override = f"write `{_BACKENDS[target]}: ...` beside it"
    return Untranslatable(
        construct=construct, target=target, help=override if advice is None else f"{advice}; or {override}"
    )


def _unicode(literal: str) -> str:
    """Mark a literal as Unicode: SQL Server would drop the characters outside of its code page."""
    return literal if literal.isascii() else f"N{literal}"


_NOTHING: Final = SqlTemplate(pieces=(), holes=())


# The name by which an override in a plan refers to the backend of a dialect.
_BACKENDS: Final = {
    Dialect.SQLITE: "sqlite",
    Dialect.POSTGRES: "postgres",
    Dialect.TSQL: "mssql",
    Dialect.DUCKDB: "duckdb",
    Dialect.MYSQL: "mysql",
}
