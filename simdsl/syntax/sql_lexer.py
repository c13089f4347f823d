"""Lexical facts about SQL text, by dialect: everything that needs no parser.

One regular expression for each dialect finds quotes, comments, variables, brackets, semicolons and the arrow; what lies
between them does not matter. The rest (the kind of the statement, whether it is ordered, transaction control) is read from
two copies of the text, both of the same length: ``code``, in which comments are blank and quoted parts are filled with
quotes, and ``top``, in which the insides of brackets are blank as well.

A full parser is not used here, because plans contain SQL that no parser of ours knows, on purpose: the database decides what
is valid. For the same reason transaction control is recognized only in known forms, and a closed list of names decides
which statements are nondeterministic (docs/explanation/determinism.md).

Sources: the lexical chapters of the manuals of SQLite, PostgreSQL, SQL Server, DuckDB and MySQL."""

from __future__ import annotations

import re
from dataclasses import field
from functools import cache
from typing import Final

from simdsl.plan.backend_facts import dialect_of_backend
from simdsl.plan.codes import Code
from simdsl.plan.deferred import dataclass, lazy_regex
from simdsl.plan.sql import (
    Dialect,
    IsolationLevel,
    Sql,
    SqlKind,
    TransactionAction,
    TransactionControl,
    TransactionMode,
    Variable,
)
from simdsl.syntax.problems import ParseError, ParseIssue


def dialect_of(dialect: Dialect | None, backends: tuple[str, ...]) -> Dialect:
    """The dialect of a plan's lines: the one that it names, else its only backend's, else SQLite's."""
    if dialect is not None:
        return dialect
    return (dialect_of_backend(backends[0]) if len(backends) == 1 else None) or Dialect.SQLITE


@dataclass(slots=True)
class Scan:
    """What one pass over a text found. The SQL is ``text[:end]``; the arrow, if there is one, is at ``end``."""

    text: str
    dialect: Dialect
    end: int
    arrow: int | None = None
    variables: list[tuple[int, int]] = field(default_factory=list)
    semicolons: list[int] = field(default_factory=list)  # at depth 0
    literals: set[int] = field(default_factory=set)  # offsets of plain '...' strings
    quoted: list[tuple[int, int]] = field(default_factory=list)  # strings, quoted identifiers, dollar quotes
    comments: list[tuple[int, int]] = field(default_factory=list)
    brackets: list[tuple[int, int]] = field(default_factory=list)  # the insides of the outermost ones


def parse_sql(text: str, dialect: Dialect) -> Sql:
    """One statement without an expectation; ``=>`` is a part of the SQL here. Raises ``ParseError``."""
    return statement(scan(text, dialect, to_arrow=False))


def scan(text: str, dialect: Dialect, *, to_arrow: bool = True) -> Scan:
    """Scan a line up to its arrow. Raises ``ParseError`` for a quote, comment or bracket that does not end."""
    return _Scanner(text, dialect, to_arrow).run()


def statement(found: Scan) -> Sql:
    """The statement that was scanned. Raises ``ParseError``."""
    code = _blanked(found.text[: found.end], found.comments, found.quoted)
    begin, end = _bounds(found, code)
    code = code[begin:end]
    top = _blanked(code, [(a - begin, b - begin) for a, b in found.brackets], [])
    # From here on, a keyword in `code` is a keyword, and one in `top` is none of a subquery.
    first = _first_word(code)
    _check_dollars(found, first)
    fragments = _fragments(found, begin, end)
    transaction = _transaction(found, begin, end) if first in _TRANSACTION_WORDS else None
    # Only T-SQL may send several statements at once; what such a batch does is anyone's guess.
    many = found.dialect is Dialect.TSQL and any(begin <= at < end - 1 for at in found.semicolons)
    kind = SqlKind.TRANSACTION if transaction else SqlKind.OTHER if many else _kind(first, code, top, found.dialect)
    return Sql(
        fragments=fragments,
        kind=kind,
        ordered=_ORDER_BY.search(top) is not None,
        transaction=transaction,
    )


def first_word(sql: Sql) -> str:
    """The first keyword of a statement in upper case, or an empty text; comments before it are skipped."""
    match = _BEHIND_COMMENTS.match(sql.text)
    return match.group(1).upper() if match else ""


def may_return_rows(sql: Sql) -> bool:
    """Whether a DML statement may have a result set: a RETURNING or an OUTPUT somewhere."""
    return _RETURNING.search(sql.text) is not None


class _Scanner:
    """One pass over the tokens. A class, because the loop has more state than one function should hold."""

    __slots__ = ("_depth_open", "_found", "_swallowed", "_to_arrow")

    def __init__(self, text: str, dialect: Dialect, to_arrow: bool) -> None:
        self._found = Scan(text, dialect, len(text))
        self._to_arrow = to_arrow
        self._depth_open: list[tuple[str, int]] = []
        self._swallowed: int | None = None

    def run(self) -> Scan:
        found = self._found
        text = found.text
        search = _tokens(found.dialect).search
        position = 0
        while (match := search(text, position)) is not None:
            kind = match.lastgroup
            start, position = match.span()
            if kind == "arrow":
                if self._to_arrow and not self._depth_open:
                    found.arrow = found.end = start
                    break
            elif kind == "quoted":
                found.quoted.append((start, position))
                if text[start] == "'":
                    found.literals.add(start)
            elif kind == "variable":
                found.variables.append((start, position))
            elif kind == "open":
                self._depth_open.append((match.group(), position))
            elif kind == "close":
                self._close(match.group(), start)
            elif kind == "semicolon":
                if not self._depth_open:
                    found.semicolons.append(start)
            else:
                position = self._rare(kind, match)
        self._finish()
        return found

    def _rare(self, kind: str | None, match: re.Match[str]) -> int:
        """Tokens that need more than their own text; returns where they end."""
        found = self._found
        start, end = match.span()
        if kind == "line_comment":
            # SQL runs to the end of the line in a `--` comment, so an arrow in one is text. If the line has no other arrow,
            # its author meant it to be one.
            if self._swallowed is None and "=>" in match.group():
                self._swallowed = start
            found.comments.append((start, end))
        elif kind == "comment":
            end = self._comment_end(start)
            found.comments.append((start, end))
        elif kind == "dollar":
            close = found.text.find(match.group(), end)
            if close < 0:
                raise _unfinished(f"the dollar quote `{match.group()}` does not end", start, end)
            end = close + len(match.group())
            found.quoted.append((start, end))
        elif kind == "placeholder":
            raise ParseError(_placeholder(match.group(), start, end))
        elif kind == "stray":
            found.variables.append((start, end))
        else:
            raise _unfinished(f"the quote {match.group()} does not end", start, start + 1)
        return end

    def _comment_end(self, start: int) -> int:
        text = self._found.text
        depth, position = 1, start + 2  # PostgreSQL, SQL Server and DuckDB nest /* */
        pattern = _NESTING if self._found.dialect in _NESTED_COMMENTS else _CLOSING
        while depth:
            match = pattern.search(text, position)
            if match is None:
                raise _unfinished("the comment `/*` does not end", start, start + 2)
            depth += 1 if match.group() == "/*" else -1
            position = match.end()
        return position

    def _close(self, bracket: str, start: int) -> None:
        if not self._depth_open or _PAIRS[self._depth_open[-1][0]] != bracket:
            raise ParseError(
                ParseIssue(code=Code.G102, message=f"`{bracket}` closes nothing", start=start, end=start + 1),
            )
        _, opened = self._depth_open.pop()
        if not self._depth_open:
            self._found.brackets.append((opened, start))

    def _finish(self) -> None:
        found = self._found
        if self._depth_open:
            bracket, opened = self._depth_open[0]
            help_ = "a `=>` inside brackets belongs to the SQL" if self._to_arrow and "=>" in found.text[opened:] else None
            raise ParseError(
                ParseIssue(code=Code.G102, message=f"`{bracket}` is never closed", start=opened - 1, end=opened, help=help_)
            )
        if self._to_arrow and found.arrow is None and self._swallowed is not None:
            raise ParseError(
                ParseIssue(
                    code=Code.G103,
                    message="the arrow stands inside a comment",
                    start=self._swallowed,
                    end=found.text.find("=>", self._swallowed) + 2,
                    help="put the expectation on a line of its own, or the comment into `why:`",
                )
            )


def _unfinished(message: str, start: int, end: int) -> ParseError:
    return ParseError(ParseIssue(code=Code.G101, message=message, start=start, end=end))


def _placeholder(text: str, start: int, end: int) -> ParseIssue:
    name = text.lstrip("?:@").lower()
    shown = f"${name}" if _NAME.fullmatch(name) else "$x"
    return ParseIssue(
        code=Code.G105,
        message=f"the driver would read `{text}` as a placeholder",
        start=start,
        end=end,
        help=f"a bound value is written `{shown}`",
    )


def _check_dollars(found: Scan, first: str) -> None:
    """Refuse ``$Upper`` and ``$1``, which are no variables; only PREPARE numbers parameters of its own."""
    for start, end in found.variables:
        text = found.text[start:end]
        if _VARIABLE.fullmatch(text) or (first == "PREPARE" and text[1:].isdecimal()):
            continue
        name = text[1:].lower()
        raise ParseError(
            ParseIssue(
                code=Code.G104,
                message=f"`{text}` is not a variable",
                start=start,
                end=end,
                help=f"did you mean `${name}`?" if _NAME.fullmatch(name) else "a variable is written `$name`, in lower case",
            )
        )


def _bounds(found: Scan, code: str) -> tuple[int, int]:
    """The bounds of the statement, without blanks around it and without the semicolon after it."""
    begin = len(code) - len(found.text[: found.end].lstrip())
    end = len(found.text[: found.end].rstrip())
    inner = found.semicolons
    if inner and not code[inner[-1] + 1 :].strip():
        last, inner = inner[-1], inner[:-1]
        # SQL Server requires the semicolon after MERGE; between several statements the last one stays for symmetry.
        merge = found.dialect is Dialect.TSQL and (inner or _first_word(code) == "MERGE")
        end = end if merge else len(code[:last].rstrip())
        end = end if merge else len(found.text[:last].rstrip())
    if not code[begin:end].strip(" \t\n\r;"):
        raise ParseError(ParseIssue(code=Code.G107, message="there is no statement here", start=begin, end=max(end, begin)))
    if inner and found.dialect is not Dialect.TSQL and not _ROUTINE.match(code):
        raise ParseError(
            ParseIssue(
                code=Code.G106,
                message="a line holds one statement",
                start=inner[0],
                end=inner[0] + 1,
                help="make it two steps",
            )
        )
    if (nul := found.text.find("\0", begin, end)) >= 0:
        raise ParseError(ParseIssue(code=Code.G108, message="a statement cannot hold NUL", start=nul, end=nul + 1))
    return begin, end


def _fragments(found: Scan, begin: int, end: int) -> tuple[str | Variable, ...]:
    text = found.text
    fragments: list[str | Variable] = []
    position = begin
    for start, stop in found.variables:
        if stop > end or not _VARIABLE.fullmatch(text, start, stop):
            continue
        if start > position:
            fragments.append(text[position:start])
        fragments.append(Variable(name=text[start + 1 : stop]))
        position = stop
    if position < end:
        fragments.append(text[position:end])
    return tuple(fragments)


def _transaction(found: Scan, begin: int, end: int) -> TransactionControl | None:
    return parse_transaction(_blanked(found.text[:end], [span for span in found.comments if span[1] <= end], [])[begin:])


def _kind(first: str, code: str, top: str, dialect: Dialect) -> SqlKind:
    if first == "WITH":
        # The main verb stands behind the common table expressions, whose bodies are in brackets.
        verb = _MAIN_VERB.search(top) if not code.startswith("(") else None
        first = verb.group().upper() if verb else ""
    if first in _QUERY_WORDS or (first == "FROM" and dialect is Dialect.DUCKDB):
        into = dialect is not Dialect.SQLITE and _INTO.search(top) is not None
        return SqlKind.OTHER if into else SqlKind.QUERY
    if first in _DML_WORDS:
        return SqlKind.DML
    return SqlKind.DDL if first in _DDL_WORDS else SqlKind.OTHER


def _first_word(code: str) -> str:
    match = _FIRST.match(code)
    return match.group(1).upper() if match else ""


def _blanked(text: str, blank: list[tuple[int, int]], filled: list[tuple[int, int]]) -> str:
    """The text with some spans blanked and others filled with quotes, so that offsets stay the same."""
    if not blank and not filled:
        return text
    pieces: list[str] = []
    position = 0
    for start, end, mark in sorted([(a, b, " ") for a, b in blank] + [(a, b, '"') for a, b in filled]):
        if start < position or start >= len(text):
            continue
        pieces += (text[position:start], mark * (min(end, len(text)) - start))
        position = end
    pieces.append(text[position:])
    return "".join(pieces)


@cache  # 2 ms to compile, needed for every line
def _tokens(dialect: Dialect) -> re.Pattern[str]:
    """The token pattern. Each alternative begins with its first character, so that the search can skip everything else."""
    quoted = [_STRINGS[dialect], r'"(?:[^"]|"")*+"' if dialect is not Dialect.MYSQL else r'"(?:[^"\\]|\\.|"")*+"']
    if dialect in (Dialect.SQLITE, Dialect.MYSQL):
        quoted.append(r"`(?:[^`]|``)*+`")
    if dialect is Dialect.SQLITE:
        quoted.append(r"\[[^\]]*+\]")
    if dialect is Dialect.TSQL:
        quoted.append(r"\[(?:[^\]]|\]\])*+\]")
    brackets = dialect in (Dialect.POSTGRES, Dialect.DUCKDB)
    alternatives = [
        rf"(?P<quoted>{'|'.join(quoted)})",
        r"(?P<line_comment>--(?=\s|\Z)[^\n]*|\#[^\n]*)" if dialect is Dialect.MYSQL else r"(?P<line_comment>--[^\n]*)",
        r"(?P<comment>/\*)",
        r"(?P<arrow>=>(?<!\S=>)(?!\S))",
        r"(?P<open>[(\[])" if brackets else r"(?P<open>\()",
        r"(?P<close>[)\]])" if brackets else r"(?P<close>\))",
        r"(?P<semicolon>;)",
    ]
    if brackets:
        alternatives.append(r"(?P<dollar>\$(?<![\w$]\$)(?:[^\W\d]\w*)?\$)")
    alternatives += [
        r"(?P<variable>\$(?<![\w$]\$)[a-z_][a-z0-9_]*(?![\w]))",
        r"(?P<stray>\$(?<![\w$]\$)\w*)",
        rf"(?P<unfinished>['\"{'`' if '`' in quoted[-1] or dialect is Dialect.SQLITE else ''}])",
    ]
    if not brackets and dialect is not Dialect.MYSQL:
        alternatives.append(r"(?P<unfinished_name>\[)")
    if dialect in _PLACEHOLDERS:
        alternatives.append(f"(?P<placeholder>{_PLACEHOLDERS[dialect]})")
    return re.compile("|".join(alternatives), re.DOTALL)


_PLAIN_STRING: Final = r"'(?:[^']|'')*+'"
_ESCAPE_STRING: Final = r"'(?:(?<=[eE]')(?<![\w$][eE]')(?:[^'\\]|\\.|'')*+'|(?:(?<![eE]')|(?<=[\w$][eE]'))(?:[^']|'')*+')"


_STRINGS: Final = {
    Dialect.SQLITE: _PLAIN_STRING,
    Dialect.TSQL: _PLAIN_STRING,
    Dialect.POSTGRES: _ESCAPE_STRING,
    Dialect.DUCKDB: _ESCAPE_STRING,
    Dialect.MYSQL: r"'(?:[^'\\]|\\.|'')*+'",
}


# What a driver of the dialect takes for a placeholder of its own. psycopg with $n parameters takes nothing for one.
_PLACEHOLDERS: Final = {
    Dialect.SQLITE: r"\?\d*|[:@](?<![:@][:@])[A-Za-z_]\w*",
    Dialect.TSQL: r"\?",
    Dialect.DUCKDB: r"\?",
    Dialect.MYSQL: r"\?",
}


_NESTED_COMMENTS: Final = frozenset({Dialect.POSTGRES, Dialect.TSQL, Dialect.DUCKDB})
_NESTING: Final = lazy_regex(r"/\*|\*/")
_CLOSING: Final = lazy_regex(r"\*/")
_PAIRS: Final = {"(": ")", "[": "]"}
_NAME: Final = lazy_regex(r"[a-z_][a-z0-9_]*")
_VARIABLE: Final = lazy_regex(r"\$[a-z_][a-z0-9_]*")


_FIRST: Final = lazy_regex(r"[\s(]*([A-Za-z_]+)")


_BEHIND_COMMENTS: Final = lazy_regex(r"(?:[\s(]|--[^\n]*\n|/\*.*?\*/)*+([A-Za-z_]+)", re.DOTALL)


_ORDER_BY: Final = lazy_regex(r"\bORDER\s+BY\b", re.IGNORECASE)
_RETURNING: Final = lazy_regex(r"\b(?:RETURNING|OUTPUT)\b", re.IGNORECASE)
_INTO: Final = lazy_regex(r"\bINTO\b", re.IGNORECASE)
_MAIN_VERB: Final = lazy_regex(r"\b(?:SELECT|INSERT|UPDATE|DELETE|MERGE|REPLACE|VALUES|TABLE)\b", re.IGNORECASE)


_ROUTINE: Final = lazy_regex(r"\s*+CREATE\s++(?:[^\s(]++\s++){0,6}?(?:TRIGGER|FUNCTION|PROCEDURE|EVENT)\b", re.IGNORECASE)


_QUERY_WORDS: Final = frozenset({"SELECT", "VALUES", "TABLE"})
_DML_WORDS: Final = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE"})
_DDL_WORDS: Final = frozenset({"CREATE", "ALTER", "DROP", "TRUNCATE", "RENAME", "COMMENT", "GRANT", "REVOKE"})


_TRANSACTION_WORDS: Final = frozenset(
    {"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "SAVE", "RELEASE"}
)


def parse_transaction(text: str) -> TransactionControl | None:
    """The transaction control that a statement without comments says, or None."""
    match = _TRANSACTION_FORMS.fullmatch(text.strip())
    if match is None:
        return None
    # What the interpreter understands as transaction control, it tracks: savepoints, retries, the state of a session.
    if match["begin"]:
        return _parse_begin(match["options"])
    if match["commit"]:
        return TransactionControl(action=TransactionAction.COMMIT)
    if match["rollback"]:
        return TransactionControl(
            action=TransactionAction.ROLLBACK_TO if match["to"] else TransactionAction.ROLLBACK, name=match["to"]
        )
    if match["release"]:
        return TransactionControl(action=TransactionAction.RELEASE, name=match["release"])
    return TransactionControl(action=TransactionAction.SAVEPOINT, name=match["savepoint"])


def _parse_begin(options: str) -> TransactionControl | None:
    """The mode comes first; isolation and READ ONLY follow in any order, each at most once."""
    mode: TransactionMode | None = None
    isolation: IsolationLevel | None = None
    read_only: bool | None = None
    for number, option in enumerate(_OPTION.finditer(options)):
        words = " ".join(option.group().strip(" \t\r\n,").lower().split())
        # Whatever does not fit (a mode in second place, two isolation levels) is left to the database as plain SQL.
        if words in _BEGIN_MODES and number == 0:
            mode = TransactionMode(words)
        elif words.startswith("isolation level ") and isolation is None:
            isolation = IsolationLevel(words.removeprefix("isolation level "))
        elif words in ("read only", "read write") and read_only is None:
            read_only = words == "read only"
        else:
            return None
    return TransactionControl(action=TransactionAction.BEGIN, mode=mode, isolation=isolation, read_only=read_only)


# Blanks are matched possessively: a statement of nothing but blanks is given up at once.
_SAVEPOINT_NAME: Final = r"""(?:[^\W\d]\w*|"(?:[^"]|"")+"|`(?:[^`]|``)+`|\[[^\]]+\])"""


_LEVELS: Final = "|".join(level.value.replace(" ", r"\s++") for level in IsolationLevel)
_BEGIN_MODES: Final = frozenset(mode.value for mode in TransactionMode)


_ONE_OPTION: Final = (
    rf"(?:\s++(?:{'|'.join(sorted(_BEGIN_MODES))})"
    rf"|(?:\s*+,)?\s++ISOLATION\s++LEVEL\s++(?:{_LEVELS})"
    r"|(?:\s*+,)?\s++READ\s++(?:ONLY|WRITE))(?!\w)"
)


_KEYWORD: Final = r"(?:\s++(?:TRANSACTION|TRAN|WORK))?"
_OPTION: Final = lazy_regex(_ONE_OPTION, re.IGNORECASE)


_TRANSACTION_FORMS: Final = lazy_regex(
    rf"(?P<begin>BEGIN|START){_KEYWORD}(?P<options>(?:{_ONE_OPTION})*)"
    rf"|(?P<commit>COMMIT|END){_KEYWORD}"
    rf"|(?P<rollback>ROLLBACK|ABORT){_KEYWORD}(?:\s++TO(?:\s++SAVEPOINT)?\s++(?P<to>{_SAVEPOINT_NAME}))?"
    rf"|SAVE(?:POINT|\s++TRAN(?:SACTION)?)\s++(?P<savepoint>{_SAVEPOINT_NAME})"
    rf"|RELEASE(?:\s++SAVEPOINT)?\s++(?P<release>{_SAVEPOINT_NAME})",
    re.IGNORECASE,
)


_NONDETERMINISTIC_CALLS: Final = (
    # SQLite (https://www.sqlite.org/lang_corefunc.html)
    r"random|randomblob"
    # PostgreSQL (manual, chapters 9.9.5, 9.14, 9.27: functions that are marked volatile or stable in time)
    r"|now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday|gen_random_uuid|uuidv4|uuidv7|random_normal"
    r"|pg_backend_pid|pg_current_xact_id|pg_current_snapshot|txid_current|txid_current_snapshot|pg_current_wal_lsn"
    r"|pg_postmaster_start_time|pg_snapshot_xmin|pg_snapshot_xmax|inet_client_port"
    # SQL Server (Transact-SQL reference, date and system functions)
    r"|getdate|getutcdate|sysdatetime|sysutcdatetime|sysdatetimeoffset|newid|newsequentialid|rand"
)


_NONDETERMINISTIC_WORDS: Final = (
    r"current_timestamp|current_time|current_date|localtime|localtimestamp|ctid|xmin|xmax|cmin|cmax|tableoid"
)


_NOW: Final = r"(?:date|time|datetime|julianday|unixepoch|strftime)\s*\((?:\s*'[^']*'\s*,)?\s*(?:'now'|\))"


# Compiled by re when it is first needed: most plans have no such word.
_NONDETERMINISTIC: Final = rf"(?i)\b(?:(?:{_NONDETERMINISTIC_CALLS})\s*\(|(?:{_NONDETERMINISTIC_WORDS})\b|@@spid\b|{_NOW})"


# Something of each of them, found in a fifth of the time: nearly all statements have none.
_NONDETERMINISTIC_HINT: Final = lazy_regex(
    r"rand|now|current_|timestamp|uuid|_pid|xact|txid|localtime|newid|getdate|sysdate|sysutc|getutc|ctid|xmin|xmax|cmin|cmax"
    r"|tableoid|julianday|unixepoch|strftime|date\s*\(|time\s*\(|clock_|timeofday|inet_client|wal_lsn|@@spid|newsequential"
    r"|snapshot|postmaster"
)


_STRING_LITERAL: Final = lazy_regex(r"'(?:[^']|'')*'")
_QUOTED_NOW: Final = "'now'"


def nondeterministic_part(text: str) -> str | None:
    """The function or word in a statement that makes it volatile; None if nothing does."""
    if _NONDETERMINISTIC_HINT.search(text.lower()) is None or re.search(_NONDETERMINISTIC, text) is None:
        return None
    # A text literal may hold any word. Those that say `now` to a function of dates are kept.
    without = _STRING_LITERAL.sub(lambda literal: literal[0] if literal[0].lower() == _QUOTED_NOW else "''", text)
    found = re.search(_NONDETERMINISTIC, without)
    return found[0].partition("(")[0].rstrip() if found is not None else None
