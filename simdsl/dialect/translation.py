"""Statements of a plan in another dialect than they were written in.

A ``Translator`` belongs to whoever lowers a plan. It remembers what it has seen: a statement that differs from an earlier
one only in its literals costs some microseconds, another one about a millisecond. Where both dialects are one, it gives
back what it got, and sqlglot is never imported.
"""

from __future__ import annotations

from typing import Final

from simdsl.dialect import templates
from simdsl.dialect.templates import SPLIT, Placeholders, SqlTemplate
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.sql import Dialect, Sql, SqlKind, Variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Untranslatable:
    """A statement holds what cannot be carried faithfully, and ``help`` says what to write instead."""

    construct: str  # "GLOB", "the rowid of a table", "INSERT OR REPLACE"
    target: Dialect
    help: str

    @property
    def message(self) -> str:
        """One sentence for a diagnostic."""
        return f"{self.construct} cannot be carried to {self.target}"


SOURCES: Final = (Dialect.SQLITE, Dialect.POSTGRES)
"""The dialects whose meaning is known well enough to be carried to others."""


class Translator:
    """Statements from one dialect to another. ``identifiers`` are the variables that stand for names."""

    __slots__ = ("_identifiers", "_kinds", "_quoted", "_source", "_target", "_whole")

    def __init__(self, source: Dialect, target: Dialect, identifiers: frozenset[str] = frozenset()) -> None:
        self._source = source
        self._target = target
        self._identifiers = identifiers
        self._kinds: dict[tuple[str, ...], _Kind | None] = {}  # by what is left without literals; None: cut nothing
        self._whole: dict[str, SqlTemplate | Untranslatable] = {}  # statements that nothing is cut out of
        self._quoted = _unicode if target is Dialect.TSQL else None

    def translate(self, sql: Sql) -> Sql | Untranslatable:
        """The statement for the target; the same object where there is nothing to do."""
        if self._source is self._target or sql.transaction is not None:
            return sql
        if self._source not in SOURCES:
            return _refused(f"SQL that is written in {self._source}", None, self._target)
        fragments = sql.fragments
        text = fragments[0] if len(fragments) == 1 and isinstance(fragments[0], str) else sql.text
        parts = SPLIT(text)
        kind = self._kind(sql, tuple(parts[::2]))
        if kind is None:
            literals: list[str] = []
            template = self._whole.get(text)
            if template is None:
                template = self._whole[text] = self._learnt(sql, [text], frozenset())[0]
        else:
            literals = parts[1::2]
            template = kind.template(literals) or self._learn(sql, kind, parts)
        if isinstance(template, Untranslatable):
            return template
        made = template.filled(literals, self._quoted)
        return Sql(fragments=made, kind=sql.kind, ordered=sql.ordered)

    def _kind(self, sql: Sql, rest: tuple[str, ...]) -> _Kind | None:
        """What statements with this rest have in common; None if nothing may be cut out of them."""
        try:
            return self._kinds[rest]
        except KeyError:
            can = sql.kind is not SqlKind.DDL and self._are_literals(sql)
            kind = self._kinds[rest] = _Kind() if can else None
            return kind

    def _are_literals(self, sql: Sql) -> bool:
        from simdsl.dialect.sqlglot_adapter import SqlParseError, token_spans

        try:
            tokens = {(start, end) for start, end, _ in token_spans(sql.text, self._source)}
        except SqlParseError:
            return False
        return templates.all_cuts_are_tokens(sql, tokens)

    def _learn(self, sql: Sql, kind: _Kind, parts: list[str]) -> SqlTemplate | Untranslatable:
        template, pinned = self._learnt(sql, parts, frozenset())
        if pinned:
            template, _ = self._learnt(sql, parts, pinned)
        kind.learn(parts[1::2], pinned, template)
        return template

    def _learnt(
        self, sql: Sql, parts: list[str], pinned: frozenset[int]
    ) -> tuple[SqlTemplate | Untranslatable, frozenset[int]]:
        """The template of a statement, or the literals that have to stay where they are for there to be one."""
        from simdsl.dialect.dialect_pair import DialectPair, Unsupported
        from simdsl.dialect.transpile import transpile

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
        from simdsl.dialect.dialect_pair import Unsupported

        quoted = templates.string_literals(text)
        if any(mark in one for one in quoted for mark in variables):
            raise Unsupported("a name from a param, which would have to stand in a text")
        return templates.make_template(text, marks, literals, variables)

    def _without_variables(self, sql: Sql, text: str, marks: Placeholders) -> tuple[str, dict[str, Variable]]:
        """The text with marks in place of its variables."""
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


class _Kind:
    """Statements with the same rest: the literals whose own value decides, and the templates by those and by types."""

    __slots__ = ("_pinned", "_templates")

    def __init__(self) -> None:
        self._pinned: dict[str, tuple[int, ...]] = {}
        self._templates: dict[tuple[str, ...], SqlTemplate | Untranslatable] = {}

    def template(self, literals: list[str]) -> SqlTemplate | Untranslatable | None:
        """The template that serves these literals, if it is known."""
        signs = templates.literal_types(literals)
        pinned = self._pinned.get(signs)
        if pinned is None:
            return None
        return self._templates.get((signs, *[literals[i] for i in pinned]) if pinned else (signs,))

    def learn(self, literals: list[str], pinned: frozenset[int], template: SqlTemplate | Untranslatable) -> None:
        """Remember a template."""
        signs = templates.literal_types(literals)
        order = tuple(sorted(pinned))
        self._pinned[signs] = order
        self._templates[(signs, *[literals[i] for i in order])] = template


def _refused(construct: str, advice: str | None, target: Dialect) -> Untranslatable:
    override = f"write `{_BACKENDS[target]}: ...` beside it"
    return Untranslatable(
        construct=construct, target=target, help=override if advice is None else f"{advice}; or {override}"
    )


def _unicode(literal: str) -> str:
    """SQL Server loses what is outside its code page from a text that does not say that it is Unicode."""
    return literal if literal.isascii() else f"N{literal}"


_NOTHING: Final = SqlTemplate(pieces=(), holes=())
# By which name an override calls the backend of a dialect.
_BACKENDS: Final = {
    Dialect.SQLITE: "sqlite",
    Dialect.POSTGRES: "postgres",
    Dialect.TSQL: "mssql",
    Dialect.DUCKDB: "duckdb",
    Dialect.MYSQL: "mysql",
}
