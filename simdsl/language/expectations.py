"""What stands behind an arrow: from text to the alternatives of an expectation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, assert_never

from simdsl.language.cells import cell_of, integer, leaf, trouble
from simdsl.language.grammar import parse
from simdsl.language.problems import Refused, Trouble, did_you_mean
from simdsl.plan.codes import Code
from simdsl.plan.ir import (
    Alternative,
    AnError,
    Bind,
    Blocks,
    CellRow,
    Comparison,
    Contains,
    Count,
    Counted,
    ExactRows,
    Excludes,
    Expectation,
    Ok,
    Order,
    SameAs,
    Var,
)
from simdsl.plan.outcomes import ErrorClass

if TYPE_CHECKING:
    from simdsl.language.grammar import Branch, Leaf

OK: Final = Ok()
BLOCKS: Final = Blocks()


def parse_expectation(text: str) -> Expectation:
    """The alternatives in the order of the text. Raises ``Refused`` with offsets into this text."""
    branch = parse("expectation", text)
    expectation = tuple(_alternative(child) for child in branch.children if not isinstance(child, str))
    _check_names(expectation, text)
    return expectation


def bound_names(alternative: Alternative) -> tuple[str, ...]:
    """The names that ``?x`` cells bind, each once, in the order of the text."""
    if not isinstance(alternative, (ExactRows, Contains, Excludes)):
        return ()
    return tuple(dict.fromkeys(cell.name for row in alternative.rows for cell in row if isinstance(cell, Bind)))


def read_names(expectation: Expectation) -> tuple[str, ...]:
    """The names of all ``$x`` in it, each once."""
    names: list[str] = []
    for alternative in expectation:
        match alternative:
            case ExactRows() | Contains() | Excludes():
                names += [cell.name for row in alternative.rows for cell in row if isinstance(cell, Var)]
            case Count(n=Var(name=name)):
                names.append(name)
            case Ok() | SameAs() | AnError() | Blocks() | Count():
                pass
            case _:
                assert_never(alternative)
    return tuple(dict.fromkeys(names))


def error_class(token: Leaf) -> ErrorClass:
    """A class by its name. Raises ``Refused`` with the nearest one."""
    if token not in _CLASS_NAMES:
        raise Refused(
            trouble(Code.G204, f"there is no error class `{token}`", token, did_you_mean(str(token), _CLASS_NAMES))
        )
    return ErrorClass(str(token))


def _alternative(branch: Branch) -> Alternative:
    match branch.data:
        case "ok":
            return OK
        case "blocks":
            return BLOCKS
        case "empty":
            return _EMPTY
        case "count":
            return _count(branch)
        case "exact":
            return ExactRows(rows=_rows(branch), order=_order(branch))
        case "contains":
            return Contains(rows=_unbound(_rows(branch), branch))
        case "excludes":
            return Excludes(rows=_unbound(_rows(branch), branch))
        case "same_as":
            return SameAs(label=str(leaf(branch)), order=_order(branch))
        case _:
            return _error(branch)


def _count(branch: Branch) -> Count:
    amount = next(child for child in branch.children if not isinstance(child, str))
    token = leaf(amount)
    if token.type == "VARIABLE":
        n: int | Var = Var(name=token[1:])
    elif token.isdecimal():
        n = integer(token)
    else:
        raise Refused(trouble(Code.G207, f"`{token}` is not a count", token, "a count is 0 or more"))
    first = leaf(branch) if isinstance(branch.children[0], str) else None
    comparison = Comparison(str(first)) if first is not None else Comparison.EQ
    return Count(what=_COUNTED[leaf(branch, -1)[0]], comparison=comparison, n=n)


def _rows(branch: Branch) -> tuple[CellRow, ...]:
    rows = branch.children[0]
    assert not isinstance(rows, str)
    found: list[CellRow] = []
    for row in rows.children:
        assert not isinstance(row, str)
        cells = tuple(cell_of(cell) for cell in row.children if not isinstance(cell, str))
        if found and len(cells) != len(found[0]):
            message = f"a row of {len(cells)} stands beside one of {len(found[0])}"
            start, end = _extent(row)
            raise Refused(
                Trouble(code=Code.R014, message=message, start=start, end=end, help="`1, 2` is two rows, `(1, 2)` is one")
            )
        found.append(cells)
    return tuple(found)


def _unbound(rows: tuple[CellRow, ...], branch: Branch) -> tuple[CellRow, ...]:
    for token in branch.scan_values(lambda value: getattr(value, "type", "") == "BINDING"):
        raise Refused(
            trouble(Code.R018, f"`{token}` cannot be bound: several rows may meet it", token, "`_` meets anything")
        )
    return rows


def _order(branch: Branch) -> Order | None:
    last = branch.children[-1]
    if isinstance(last, str) or last.data not in ("in_order", "in_any_order"):
        return None
    return Order.IN_ORDER if last.data == "in_order" else Order.ANY_ORDER


def _error(branch: Branch) -> AnError:
    klass: ErrorClass | None = None
    sqlstate: str | None = None
    native: int | None = None
    regex: str | None = None
    for child in branch.children:
        if isinstance(child, str):
            regex = _regex(child)
        elif child.data == "error_class":
            klass = error_class(leaf(child))
        elif child.data == "sqlstate":
            sqlstate = str(leaf(child))
        else:
            native = integer(leaf(child, -1), negative=len(child.children) == 2)
    return AnError(error_class=klass, sqlstate=sqlstate, native=native, regex=regex)


def _regex(token: Leaf) -> str:
    pattern = str(token[1:-1])
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise Refused(trouble(Code.G205, f"not a regular expression: {error}", token)) from None
    return pattern


def _check_names(expectation: Expectation, text: str) -> None:
    """All alternatives but errors and ``blocks`` bind the same names, so that nobody reads what may not be there."""
    if "?" not in text:
        return
    bound = [set(bound_names(one)) for one in expectation if not isinstance(one, (AnError, Blocks))]
    if any(names != bound[0] for names in bound[1:]):
        raise Refused(Trouble(code=Code.R118, message="the alternatives bind different names", end=len(text)))


def _extent(branch: Branch) -> tuple[int, int]:
    tokens = list(branch.scan_values(lambda value: isinstance(value, str)))
    if not tokens:  # a row of `_` alone keeps no token
        return 0, 0
    return tokens[0].start_pos or 0, tokens[-1].end_pos or 0


_EMPTY: Final = Count(what=Counted.ROWS, comparison=Comparison.EQ, n=0)
_COUNTED: Final = {"r": Counted.ROWS, "a": Counted.AFFECTED, "c": Counted.COLUMNS}
_CLASS_NAMES: Final = tuple(one.value for one in ErrorClass)
