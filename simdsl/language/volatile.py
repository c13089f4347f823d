"""Statements whose answer is another one every time: clocks, chance, numbers of processes and transactions.

A digest takes of them only the types of what came, and running twice to compare refuses them
(docs/explanation/determinism.md). The list is closed and goes by names; a function of the user's that calls one of them is
not seen.
"""

from __future__ import annotations

import re
from typing import Final

_CALLS: Final = (
    # SQLite (https://www.sqlite.org/lang_corefunc.html)
    r"random|randomblob"
    # PostgreSQL (manual, chapters 9.9.5, 9.14, 9.27: functions that are marked volatile or stable in time)
    r"|now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday|gen_random_uuid|uuidv4|uuidv7|random_normal"
    r"|pg_backend_pid|pg_current_xact_id|pg_current_snapshot|txid_current|txid_current_snapshot|pg_current_wal_lsn"
    r"|pg_postmaster_start_time|pg_snapshot_xmin|pg_snapshot_xmax|inet_client_port"
    # SQL Server (Transact-SQL reference, date and system functions)
    r"|getdate|getutcdate|sysdatetime|sysutcdatetime|sysdatetimeoffset|newid|newsequentialid|rand"
)
_WORDS: Final = r"current_timestamp|current_time|current_date|localtime|localtimestamp|ctid|xmin|xmax|cmin|cmax|tableoid"
_NOW: Final = r"(?:date|time|datetime|julianday|unixepoch|strftime)\s*\((?:\s*'[^']*'\s*,)?\s*(?:'now'|\))"
# Compiled by re when it is first needed: most plans have no such word.
_VOLATILE: Final = rf"(?i)\b(?:(?:{_CALLS})\s*\(|(?:{_WORDS})\b|@@spid\b|{_NOW})"
# Something of each of them, found in a fifth of the time: nearly all statements have none.
_HINT: Final = re.compile(
    r"rand|now|current_|timestamp|uuid|_pid|xact|txid|localtime|newid|getdate|sysdate|sysutc|getutc|ctid|xmin|xmax|cmin|cmax"
    r"|tableoid|julianday|unixepoch|strftime|date\s*\(|time\s*\(|clock_|timeofday|inet_client|wal_lsn|@@spid|newsequential"
    r"|snapshot|postmaster"
)
_TEXT: Final = re.compile(r"'(?:[^']|'')*'")
_QUOTED_NOW: Final = "'now'"


def volatile_part(text: str) -> str | None:
    """The function or word in a statement that makes it volatile; None if nothing does."""
    if _HINT.search(text.lower()) is None or re.search(_VOLATILE, text) is None:
        return None
    # A text literal may hold any word. Those that say `now` to a function of dates are kept.
    without = _TEXT.sub(lambda literal: literal[0] if literal[0].lower() == _QUOTED_NOW else "''", text)
    found = re.search(_VOLATILE, without)
    return found[0].partition("(")[0].rstrip() if found is not None else None
