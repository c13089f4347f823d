"""What single SQL statements say, by regular expression: transaction control, and nondeterministic functions."""

from __future__ import annotations

import re
from typing import Final

from simdsl.plan.regexes import lazy_regex
from simdsl.plan.sql import IsolationLevel, TransactionAction, TransactionControl, TransactionMode


def parse_transaction(text: str) -> TransactionControl | None:
    """The transaction control that a statement without comments says, or None."""
    match = _FORMS.fullmatch(text.strip())
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
_NAME: Final = r"""(?:[^\W\d]\w*|"(?:[^"]|"")+"|`(?:[^`]|``)+`|\[[^\]]+\])"""


_LEVELS: Final = "|".join(level.value.replace(" ", r"\s++") for level in IsolationLevel)
_BEGIN_MODES: Final = frozenset(mode.value for mode in TransactionMode)


_ONE_OPTION: Final = (
    rf"(?:\s++(?:{'|'.join(sorted(_BEGIN_MODES))})"
    rf"|(?:\s*+,)?\s++ISOLATION\s++LEVEL\s++(?:{_LEVELS})"
    r"|(?:\s*+,)?\s++READ\s++(?:ONLY|WRITE))(?!\w)"
)


_KEYWORD: Final = r"(?:\s++(?:TRANSACTION|TRAN|WORK))?"
_OPTION: Final = lazy_regex(_ONE_OPTION, re.IGNORECASE)


_FORMS: Final = lazy_regex(
    rf"(?P<begin>BEGIN|START){_KEYWORD}(?P<options>(?:{_ONE_OPTION})*)"
    rf"|(?P<commit>COMMIT|END){_KEYWORD}"
    rf"|(?P<rollback>ROLLBACK|ABORT){_KEYWORD}(?:\s++TO(?:\s++SAVEPOINT)?\s++(?P<to>{_NAME}))?"
    rf"|SAVE(?:POINT|\s++TRAN(?:SACTION)?)\s++(?P<savepoint>{_NAME})"
    rf"|RELEASE(?:\s++SAVEPOINT)?\s++(?P<release>{_NAME})",
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


_TEXT: Final = lazy_regex(r"'(?:[^']|'')*'")
_QUOTED_NOW: Final = "'now'"


def nondeterministic_part(text: str) -> str | None:
    """The function or word in a statement that makes it volatile; None if nothing does."""
    if _NONDETERMINISTIC_HINT.search(text.lower()) is None or re.search(_NONDETERMINISTIC, text) is None:
        return None
    # A text literal may hold any word. Those that say `now` to a function of dates are kept.
    without = _TEXT.sub(lambda literal: literal[0] if literal[0].lower() == _QUOTED_NOW else "''", text)
    found = re.search(_NONDETERMINISTIC, without)
    return found[0].partition("(")[0].rstrip() if found is not None else None
