"""Transaction control as SQL writes it: the forms that the loader understands. Any other text is plain SQL."""

from __future__ import annotations

import re
from typing import Final

from simdsl.plan.ir import Action, Isolation, Mode, Transaction


def parse_transaction(text: str) -> Transaction | None:
    """The transaction control that a statement without comments says, or None."""
    match = _FORMS.fullmatch(text.strip())
    if match is None:
        return None
    if match["begin"]:
        return _begin(match["options"])
    if match["commit"]:
        return Transaction(action=Action.COMMIT)
    if match["rollback"]:
        return Transaction(action=Action.ROLLBACK_TO if match["to"] else Action.ROLLBACK, name=match["to"])
    if match["release"]:
        return Transaction(action=Action.RELEASE, name=match["release"])
    return Transaction(action=Action.SAVEPOINT, name=match["savepoint"])


def _begin(options: str) -> Transaction | None:
    """The mode comes first; isolation and READ ONLY follow in any order, each at most once."""
    mode: Mode | None = None
    isolation: Isolation | None = None
    read_only: bool | None = None
    for number, option in enumerate(_OPTION.finditer(options)):
        words = " ".join(option.group().strip(" \t\r\n,").lower().split())
        if words in _MODES and number == 0:
            mode = Mode(words)
        elif words.startswith("isolation level ") and isolation is None:
            isolation = Isolation(words.removeprefix("isolation level "))
        elif words in ("read only", "read write") and read_only is None:
            read_only = words == "read only"
        else:
            return None
    return Transaction(action=Action.BEGIN, mode=mode, isolation=isolation, read_only=read_only)


# Blanks are matched possessively: a statement of nothing but blanks is given up at once.
_NAME: Final = r"""(?:[^\W\d]\w*|"(?:[^"]|"")+"|`(?:[^`]|``)+`|\[[^\]]+\])"""
_LEVELS: Final = "|".join(level.value.replace(" ", r"\s++") for level in Isolation)
_MODES: Final = frozenset(mode.value for mode in Mode)
_ONE_OPTION: Final = (
    rf"(?:\s++(?:{'|'.join(sorted(_MODES))})"
    rf"|(?:\s*+,)?\s++ISOLATION\s++LEVEL\s++(?:{_LEVELS})"
    r"|(?:\s*+,)?\s++READ\s++(?:ONLY|WRITE))(?!\w)"
)
_KEYWORD: Final = r"(?:\s++(?:TRANSACTION|TRAN|WORK))?"
_OPTION: Final = re.compile(_ONE_OPTION, re.IGNORECASE)
_FORMS: Final = re.compile(
    rf"(?P<begin>BEGIN|START){_KEYWORD}(?P<options>(?:{_ONE_OPTION})*)"
    rf"|(?P<commit>COMMIT|END){_KEYWORD}"
    rf"|(?P<rollback>ROLLBACK|ABORT){_KEYWORD}(?:\s++TO(?:\s++SAVEPOINT)?\s++(?P<to>{_NAME}))?"
    rf"|SAVE(?:POINT|\s++TRAN(?:SACTION)?)\s++(?P<savepoint>{_NAME})"
    rf"|RELEASE(?:\s++SAVEPOINT)?\s++(?P<release>{_NAME})",
    re.IGNORECASE,
)
