"""SQL lines: ``SQL [=> expectation]``, and the cache of templates that makes ten thousand of them cheap.

Reading a line by lexer and grammar takes about 29 us on CPython 3.11, by a template 5 us, and 1.4 us in a long run of
lines of one kind. Plans that programs write consist of such runs.

A line is recognized by what is left of it without its literals. The first line of a kind goes through the lexer and the
grammar (``SqlLineParser.slow``). If nothing but the literals can differ in the next one, what was learnt is kept as a
``_LineTemplate``, and the next line is built from the template and its own literals. Both ways give equal lines, which
tests/syntax/test_sql_lines.py checks on generated lines.

Why that is safe: a literal is cut out only where the lexer, too, sees a whole string, or digits outside of everything
quoted. No literal contains a single quote that is not doubled, a backslash or NUL. So the lexer is in the same state behind
a literal whatever its content, and two lines with equal rests are cut at the same places.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import count
from typing import Final, NamedTuple

from simdsl.plan.deferred import lazy_regex
from simdsl.plan.expectations import (
    Cell,
    CellRow,
    Contains,
    ExactRows,
    Excludes,
    Expectation,
    Scalar,
    fast_exact_rows,
    fast_scalar,
)
from simdsl.plan.sql import Dialect, Sql, Variable, fast_sql
from simdsl.plan.steps import SqlStep, fast_sql_step
from simdsl.syntax.expectations import fast_expectation, is_lint_free, parse_expectation
from simdsl.syntax.problems import ParseError, ParseIssue
from simdsl.syntax.sql_lexer import Scan, scan, statement


class SqlLine(NamedTuple):
    """A line, and the offset of its arrow. ``sql`` or ``expect`` may be None, but not both."""

    sql: Sql | None
    expect: Expectation | None
    arrow: int | None
    lint_free: bool = False  # neither its expectation nor its names need a check


class SqlLineParser:
    """Parses the lines of one dialect, and remembers what it has seen: one parser for one plan."""

    __slots__ = ("_again", "_dialect", "_expectations", "_last", "_last_rest", "_lines", "_long_run", "_run", "_templates")

    def __init__(self, dialect: Dialect, *, long_run: int = 100) -> None:
        """After ``long_run`` lines of one kind, a regular expression is compiled that the next ones are matched with."""
        self._dialect = dialect
        self._long_run = long_run
        self._lines: dict[str, SqlLine] = {}  # whole texts, of lines that no template builds
        self._templates: dict[tuple[str, ...], _LineTemplate] = {}
        self._expectations: dict[str, Expectation] = {}
        self._last_rest: list[str] = []
        self._last: _LineTemplate | None = None
        self._run = 0  # how many lines of one kind came in a row
        self._again: Callable[[str], re.Match[str] | None] | None = None  # matches further lines of that kind

    def parse(self, text: str) -> SqlLine:
        """One line. Raises ``ParseError`` with offsets into ``text``."""
        # Three ways, the cheapest first: the pattern of the current run, a template, the lexer.
        if self._again is not None:
            found = self._again(text)
            line = found and self._last and self._last.repeated(found)
            if line:
                return line
            self._again, self._run = None, 0
        known = self._lines.get(text)
        if known is not None:
            return known
        parts = _SPLIT(text)
        rest = parts[::2]
        if rest == self._last_rest:  # comparing two lists is cheaper than hashing one
            template = self._last
            self._run += 1
            if self._run > self._long_run and template is not None:
                self._again = template.pattern(parts)
                self._run = 0
        else:
            template = self._last = self._templates.get(tuple(rest))
            self._last_rest = rest
            self._run = 0
        return (template and template.line(text, parts)) or self._learn(text, parts)

    def step(self, task: str, text: str) -> SqlStep | None:
        """The line as a step without options; None if it needs checks or does not parse."""
        if self._again is not None and self._last is not None:
            found = self._again(text)
            step = found and self._last.step(task, found)
            if step:
                return step
        try:
            sql, expect, _, usual = self.parse(text)
        except ParseError:
            return None
        return fast_sql_step(task, sql, expect) if usual and sql is not None else None

    def expectation(self, text: str) -> Expectation:
        """The expectation in a text, cached. Raises ``ParseError`` with offsets into ``text``."""
        text = text.strip()
        known = self._expectations.get(text)
        if known is None:
            known = self._expectations[text] = fast_expectation(text) or parse_expectation(text)
        return known

    def slow(self, text: str) -> tuple[SqlLine, Scan]:
        """A line by lexer and grammar, without the cache. Raises ``ParseError`` with all issues, of both sides."""
        found = scan(text, self._dialect)
        issues: list[ParseIssue] = []
        sql: Sql | None = None
        expect: Expectation | None = None
        if found.arrow is None or text[: found.end].strip():
            try:
                sql = statement(found)
            except ParseError as error:
                issues += error.issues
        if found.arrow is not None:
            behind = found.arrow + len("=>")
            begin = behind + len(text[behind:]) - len(text[behind:].lstrip())
            try:
                expect = self.expectation(text[begin:])
            except ParseError as error:
                issues += [issue.shifted(begin) for issue in error.issues]
        if issues:
            raise ParseError(*issues)
        usual = sql is not None and len(sql.fragments) == 1 and (expect is None or is_lint_free(sql, expect))
        return SqlLine(sql, expect, found.arrow, usual), found

    def _learn(self, text: str, parts: list[str]) -> SqlLine:
        line, found = self.slow(text)
        key = tuple(parts[::2])
        template = self._templates.get(key) or _template(text, parts, line, found)
        if template is None:
            self._lines[text] = line
        else:
            self._templates[key] = self._last = template
            template.learn(line.expect, parts)
        return line


def split_head(text: str) -> tuple[str, str | None, int]:
    """The arguments of a verb, the expectation after its arrow, and the offset at which the expectation begins."""
    match = _ARROW.search(text)
    if match is None:
        return text, None, len(text)
    return text[: match.start()], text[match.end() :], match.end()


class _LineTemplate:
    """What lines of one kind have in common.

    ``parts`` is a line cut at its literals: text at even indexes, literals at odd ones. Offsets are counted from the end
    where they can be, since only the literals in between change in length.
    """

    __slots__ = ("_begin", "_behind", "_expect", "_gap", "_known", "_pattern", "_pieces", "_rest", "_rows", "_sql", "_usual")

    def __init__(self, text: str, parts: list[str], line: SqlLine, sql: Sql, begin: int, end: int, behind: int) -> None:
        self._sql = sql
        self._usual = line.lint_free
        self._begin = begin  # of the statement
        self._behind = behind  # index in parts of the first literal after the statement
        self._gap = None if line.arrow is None else line.arrow - end
        self._rest = len(text) - end - sum(map(len, parts[behind::2]))
        self._pieces = _pieces(sql, parts, begin, end) if len(sql.fragments) > 1 else None
        self._expect = line.expect  # of all lines of this kind, if it contains no literal
        self._known: dict[str, Expectation] | None = {} if behind + 2 == len(parts) else None
        self._rows = _RowsTemplate.of(line.expect, parts, behind) if line.expect else None
        self._pattern: Callable[[str], re.Match[str] | None] | None = None

    def learn(self, expect: Expectation | None, parts: list[str]) -> None:
        """Remember an expectation by its one literal, where that is not a cell: ``1 affected``."""
        if self._known is not None and self._rows is None and expect is not None:
            self._known[parts[self._behind]] = expect

    def line(self, text: str, parts: list[str]) -> SqlLine | None:
        """The line with these literals, or None if it has to be parsed."""
        end = len(text) - self._rest
        expect = self._expect
        if self._known is not None:
            literal = parts[self._behind]
            end -= len(literal)
            expect = self._known.get(literal) if self._rows is None else self._rows.made((literal,))
        elif self._behind < len(parts):
            literals = parts[self._behind :: 2]
            end -= sum(map(len, literals))
            expect = None if self._rows is None else self._rows.made(literals)
        if expect is None and self._expect is not None:
            return None
        fragments = (text[self._begin : end],) if self._pieces is None else self._fragments(parts)
        arrow = None if self._gap is None else end + self._gap
        return _LINE(SqlLine, (fast_sql(self._sql, fragments), expect, arrow, self._usual))

    def pattern(self, parts: list[str]) -> Callable[[str], re.Match[str] | None] | None:
        """What matches the lines of this kind whose literals have the same types, or None if that cannot be decided so.

        Matching takes a third of the time of cutting, but compiling the pattern takes as long as cutting some hundred
        lines. Its groups are the statement and the literals after it. A line that matches would be cut at the same places:
        there is no quote in the rest and something between any two literals, so every literal stands between the same
        characters as before, and nothing else can be one.
        """
        if self._pattern is None:
            rest = parts[::2]
            if self._pieces is not None or any("'" in part for part in rest) or not all(rest[1:-1]):
                return None
            size = sum(map(len, parts))
            begin, end = self._begin, size - self._rest - sum(map(len, parts[self._behind :: 2]))
            head, statement = _pattern(parts, 0, begin), _pattern(parts, begin, end)
            tail = _pattern(parts, end, size, "({})")
            self._pattern = re.compile(f"{head}({statement}){tail}").fullmatch
        return self._pattern

    def repeated(self, found: re.Match[str]) -> SqlLine | None:
        """The line that the pattern matched, or None if it has to be parsed."""
        groups = found.groups()
        expect = self._expect if len(groups) == 1 else self._expected(groups)
        if expect is None and self._expect is not None:
            return None
        arrow = None if self._gap is None else found.end(1) + self._gap
        return _LINE(SqlLine, (fast_sql(self._sql, groups[:1]), expect, arrow, self._usual))

    def step(self, task: str, found: re.Match[str]) -> SqlStep | None:
        """The line that the pattern matched as a step, or None if it needs a check or has to be parsed."""
        groups = found.groups()
        expect = self._expect if len(groups) == 1 else self._expected(groups)
        if not self._usual or (expect is None and self._expect is not None):
            return None
        return fast_sql_step(task, fast_sql(self._sql, groups[:1]), expect)

    def _expected(self, groups: tuple[str, ...]) -> Expectation | None:
        """The expectation with the literals after the statement; None if it does not follow from them."""
        if self._rows is not None:
            return self._rows.made(groups[1:])
        return self._known.get(groups[1]) if self._known is not None else None

    def _fragments(self, parts: list[str]) -> tuple[str | Variable, ...]:
        assert self._pieces is not None
        return tuple(
            piece if isinstance(piece, Variable) else "".join([p if isinstance(p, str) else parts[p] for p in piece])
            for piece in self._pieces
        )


class _RowsTemplate:
    """An expectation that is one list of rows, with a number in the place of each literal."""

    __slots__ = ("_is_row", "_kind", "_order", "_shape", "_signs")

    def __init__(self, like: ExactRows | Contains | Excludes, shape: tuple[tuple[Cell | int, ...], ...], signs: str) -> None:
        self._kind = type(like)
        self._order = like.order if isinstance(like, ExactRows) else None
        self._shape = shape
        self._is_row = shape == (tuple(range(len(signs))),)  # the common case: one row, of literals only
        self._signs = signs  # one for each literal: ' text, + number, - negative number

    @classmethod
    def of(cls, expect: Expectation, parts: list[str], behind: int) -> _RowsTemplate | None:
        """The rows of an expectation as a function of its literals, or None if they are none."""
        only = expect[0]
        if len(expect) != 1 or not isinstance(only, (ExactRows, Contains, Excludes)) or behind >= len(parts):
            return None
        numbers = count()
        shape = tuple(
            tuple(next(numbers) if isinstance(cell, Scalar) and type(cell.value) in (int, str) else cell for cell in row)
            for row in only.rows
        )
        places = range(behind, len(parts), 2)
        signs = "".join(
            "'" if parts[at][0] == "'" else "-" if parts[at - 1].rstrip().endswith("-") else "+" for at in places
        )
        rows = cls(only, shape, signs)
        # The proof is by trial: built from its own literals, the template has to give the same rows.
        return rows if next(numbers) == len(signs) and rows.made(parts[behind::2]) == expect else None

    def made(self, literals: Sequence[str]) -> Expectation | None:
        """The expectation with these literals, or None if one is text where a number was, or the other way round."""
        cells: list[Scalar] = []
        for literal, sign in zip(literals, self._signs):  # noqa: B905  (as many of one as of the other)
            if sign == "'":
                if literal[0] != "'":
                    return None
                text = literal[1:-1]
                cells.append(fast_scalar(text.replace("''", "'") if "'" in text else text))
            elif literal[0] == "'":
                return None
            else:
                cells.append(fast_scalar(int(literal) if sign == "+" else -int(literal)))
        if self._is_row:
            rows: tuple[CellRow, ...] = (tuple(cells),)
        else:
            rows = tuple([tuple([cells[c] if isinstance(c, int) else c for c in row]) for row in self._shape])
        return (fast_exact_rows(rows, self._order) if self._kind is ExactRows else self._kind(rows=rows),)


def _template(text: str, parts: list[str], line: SqlLine, found: Scan) -> _LineTemplate | None:
    """What can be learnt from a line: nothing, if the lexer does not see the same literals or the meaning depends on one."""
    if len(parts) == 1 or line.sql is None or line.sql.transaction is not None:
        return None
    begin = len(text) - len(text.lstrip())
    end = begin + len(line.sql.text)
    position, behind = 0, len(parts)
    for index, part in enumerate(parts):
        if index % 2:
            if position >= (found.end if line.arrow is None else line.arrow):
                behind = min(behind, index)
            elif position + len(part) > end or not _is_code(part, position, found):
                return None
        position += len(part)
    return _LineTemplate(text, parts, line, line.sql, begin, end, behind)


def _is_code(literal: str, position: int, found: Scan) -> bool:
    """Whether the lexer, too, sees a literal here: a whole string, or digits outside of everything quoted."""
    if literal[0] == "'":
        return position in found.literals
    return not any(start <= position < end for start, end in (*found.comments, *found.quoted))


def _pieces(sql: Sql, parts: list[str], begin: int, end: int) -> tuple[Variable | tuple[int | str, ...], ...]:
    """The fragments of a statement, with each literal as its index in parts."""
    starts: list[int] = []
    position = 0
    for part in parts:
        starts.append(position)
        position += len(part)
    pieces: list[Variable | tuple[int | str, ...]] = []
    position = begin
    for fragment in sql.fragments:
        if isinstance(fragment, Variable):
            pieces.append(fragment)
            position += 1 + len(fragment.name)
            continue
        stop = position + len(fragment)
        piece: list[int | str] = []
        for index, (start, part) in enumerate(zip(starts, parts, strict=True)):
            if index % 2 and position <= start < stop:
                piece.append(index)
            elif index % 2 == 0 and start < stop and start + len(part) > position:
                piece.append(part[max(0, position - start) : stop - start])
        pieces.append(tuple(piece))
        position = stop
    return tuple(pieces)


def _pattern(parts: list[str], start: int, stop: int, literal: str = "(?:{})") -> str:
    """A pattern for a part of a line, whose bounds are not within a literal: the same text, literals of the same types."""
    pattern = ""
    position = 0
    for index, part in enumerate(parts):
        if index % 2 == 0:
            pattern += re.escape(part[max(0, start - position) : max(0, stop - position)])
        elif start <= position < stop:
            pattern += literal.format(_TEXT if part[0] == "'" else _INTEGER)
        position += len(part)
    return pattern


# The literals of `_LITERAL`, without what has to stand around them. Integers of at most 18 digits always fit into 64 bits.
_TEXT: Final = r"'[^'\\\0]*+(?:''[^'\\\0]*+)*+'"
_INTEGER: Final = r"0|[1-9][0-9]{0,17}"


# The first character comes first, so that the search can skip to it; what has to stand before it is a look-behind.
_LITERAL: Final = lazy_regex(
    r"""([0-9'](?:
        (?<=')(?<!\w') [^'\\\0]*+ (?:''[^'\\\0]*+)*+ '                                  # text
      | (?<![\w$?:@.][0-9]) (?:(?<=0) | (?<=[1-9])[0-9]{0,17}) (?![\w.$])                 # an integer of 64 bits
    ))""",
    re.VERBOSE,
)


_SPLIT: Final = _LITERAL.split
_LINE: Final = tuple.__new__  # what the constructor of a named tuple calls, without its Python frame
_ARROW: Final = lazy_regex(r"(?<!\S)=>(?!\S)")
