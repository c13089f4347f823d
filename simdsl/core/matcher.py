"""Is this outcome what was expected? (rules.md 11-14, 17-19)

An expectation is compiled once into a matcher and applied to every outcome of its step. A matcher takes the outcome, the
variables and the labelled outcomes, and returns None (it matches), a dict (it matches, and these names are now bound) or
a ``Mismatch``.

There are two ways to the same answer. The complete matcher walks over alternatives, rows and cells. In front of it stands,
where the expectation is of a common form, one comparison of bytes or integers: nearly all outcomes of a run are simply
right, and the walk would cost more than executing a small statement does: 3.8 us instead of 0.3 us for a row of two cells
(CPython 3.11). A fast matcher only ever answers "it matches"; anything else goes to the complete one.
"""

from __future__ import annotations

import marshal
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final, TypeAlias, assert_never

from simdsl.plan.deferred import dataclass
from simdsl.plan.expectations import (
    Alternative,
    Binding,
    Blocks,
    Cell,
    CellRow,
    ComparisonOperator,
    Contains,
    Count,
    CountUnit,
    ExactRows,
    Excludes,
    Expectation,
    ExpectedError,
    FixedPoint,
    LiteralType,
    Ok,
    RowOrder,
    SameAs,
    Scalar,
    TypedLiteral,
    Wildcard,
)
from simdsl.plan.outcomes import Affected, Failed, Outcome, Rows
from simdsl.plan.sql import Variable
from simdsl.plan.values import Row, Value, as_text, canonical, literal, literal_row, row_key, same, sorted_rows

ROWS_SHOWN: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """Why no alternative matches: one sentence."""

    message: str


MatchResult: TypeAlias = dict[str, Value] | Mismatch | None
Matcher: TypeAlias = Callable[[Outcome, Mapping[str, Value], Mapping[str, Outcome]], MatchResult]


def compile_expectation(expectation: Expectation, *, ordered: bool, boolean_type: bool) -> Matcher:
    """The matcher of an expectation.

    ``ordered`` says whether the statement promises an order of its rows, ``boolean_type`` whether the backend has booleans
    (without them, ``true`` matches 1). ``blocks`` never matches here: a statement that is blocked has no outcome yet.
    """

    def complete(outcome: Outcome, env: Mapping[str, Value], labels: Mapping[str, Outcome]) -> MatchResult:
        first: str | None = None
        for alternative in expectation:
            comparison = CellComparison(env=env, boolean_type=boolean_type)
            reason = _mismatch(alternative, outcome, comparison, labels, ordered)
            if reason is None:
                return comparison.bound or None
            first = first or reason
        return Mismatch(message=first or "")

    if len(expectation) == 1:
        return _fast_matcher(expectation[0], ordered, complete)
    return complete


def exact_match(expectation: Expectation) -> Affected | None:
    """The outcome that matches alone, so that `==` can replace the matcher; None if there is none. Such as `1 affected`.

    Worth a case of its own because most statements of most plans change one row.
    """
    match expectation:
        case (Count(what=CountUnit.AFFECTED, comparison=ComparisonOperator.EQ, n=int(n)),):
            return Affected(n)
        case _:
            return None


def describe(outcome: Outcome) -> tuple[str, ...]:
    """An outcome in the syntax of the plan language, one line for each row."""
    match outcome:
        case Rows(columns=columns, rows=rows):
            if not rows:
                return (f"no rows ({columns} {_plural('column', columns)})",)
            shown = tuple(literal_row(row) for row in rows[:ROWS_SHOWN])
            return shown if len(rows) <= ROWS_SHOWN else (*shown, f"... and {len(rows) - ROWS_SHOWN} more")
        case Affected(n=None):
            return ("ok",)
        case Affected(n=n):
            return (f"{n} affected",)
        case Failed(error_class=error_class, text=text, sqlstate=sqlstate, native=native):
            codes = "".join(
                f" {name} {code}" for name, code in (("SQLSTATE", sqlstate), ("native", native)) if code is not None
            )
            return (f"error {error_class}{codes}", text)


def _fast_matcher(alternative: Alternative, ordered: bool, complete: Matcher) -> Matcher:
    match alternative:
        case Ok():
            return lambda outcome, env, labels: complete(outcome, env, labels) if type(outcome) is Failed else None
        case Count() if (wanted := exact_match((alternative,))) is not None:
            return lambda outcome, env, labels: None if outcome == wanted else complete(outcome, env, labels)
        case ExactRows(rows=((Scalar(value=value) as cell,),)) if _is_plain(cell):
            return _one_cell(value, complete)
        case ExactRows(rows=rows, order=order) if (plain := _plain_rows(rows)) is not None:
            return _same_bytes(plain, _is_ordered(ordered, order), complete)
        case ExactRows(rows=(cells,)) if all(isinstance(cell, Variable) or _is_plain(cell) for cell in cells):
            return _one_row(cells, complete)
        case _:  # every other form, and every new one, goes to the complete matcher
            return complete


def _one_cell(wanted: Value, complete: Matcher) -> Matcher:
    """The matcher of one value, such as a count."""
    rows, kind = [(wanted,)], type(wanted)

    def one_cell(outcome: Outcome, env: Mapping[str, Value], labels: Mapping[str, Outcome]) -> MatchResult:
        # 1 == 1.0 == True in Python, so the type is compared too; where it differs, the complete matcher knows the rules.
        if type(outcome) is Rows and outcome[1] == rows and type(outcome[1][0][0]) is kind:
            return None
        return complete(outcome, env, labels)

    return one_cell


def _same_bytes(rows: list[Row], ordered: bool, complete: Matcher) -> Matcher:
    """The matcher of plain rows, which compares their bytes.

    Equal bytes are equal rows, types included, and marshal writes them in C. Rows with different bytes may still match (a
    bag in another order, 1 for 1.00), so then the complete matcher decides.
    """
    dumps = marshal.dumps
    written = dumps(rows, 2)
    if ordered or len(rows) < 2:

        def in_order(outcome: Outcome, env: Mapping[str, Value], labels: Mapping[str, Outcome]) -> MatchResult:
            try:
                if type(outcome) is Rows and dumps(outcome[1], 2) == written:
                    return None
            except ValueError:  # a value that marshal cannot write, such as a Decimal
                pass
            return complete(outcome, env, labels)

        return in_order
    sorted_written = dumps(sorted_rows(rows), 2)

    def as_bag(outcome: Outcome, env: Mapping[str, Value], labels: Mapping[str, Outcome]) -> MatchResult:
        try:
            if type(outcome) is Rows:
                got = outcome[1]
                if dumps(got, 2) == written or dumps(sorted_rows(got), 2) == sorted_written:
                    return None
        except ValueError:
            pass
        return complete(outcome, env, labels)

    return as_bag


def _one_row(cells: CellRow, complete: Matcher) -> Matcher:
    """The matcher of one row of values and variables, whose values are looked up each time."""
    width = len(cells)
    parts = [
        (i, cell.name if isinstance(cell, Variable) else None, cell.value if isinstance(cell, Scalar) else None)
        for i, cell in enumerate(cells)
    ]

    def one_row(outcome: Outcome, env: Mapping[str, Value], labels: Mapping[str, Outcome]) -> MatchResult:
        if type(outcome) is Rows:
            rows = outcome[1]
            if len(rows) == 1 and len(row := rows[0]) == width:
                for i, name, value in parts:
                    wanted, got = value if name is None else env[name], row[i]
                    if got != wanted or type(got) is not type(wanted):
                        break
                else:
                    return None
        return complete(outcome, env, labels)

    return one_row


def _is_plain(cell: Cell) -> bool:
    """Whether an equal value of an equal type matches the cell. Not a boolean: ``true`` matches 1 on some backends."""
    return isinstance(cell, Scalar) and not isinstance(cell.value, bool)


def _plain_rows(rows: tuple[CellRow, ...]) -> list[Row] | None:
    plain: list[Row] = []
    for cells in rows:
        values: list[Value] = []
        for cell in cells:
            if not isinstance(cell, Scalar) or not _is_plain(cell):
                return None
            values.append(cell.value)
        plain.append(tuple(values))
    return plain


def _is_ordered(ordered: bool, order: RowOrder | None) -> bool:
    return ordered if order is None else order is RowOrder.IN_ORDER


def _mismatch(
    alternative: Alternative, outcome: Outcome, comparison: CellComparison, labels: Mapping[str, Outcome], ordered: bool
) -> str | None:
    """Why the alternative does not match, or None."""
    match alternative:
        case Ok():
            return _error_of(outcome)
        case Count():
            return _count(alternative, outcome, comparison)
        case ExactRows(rows=wanted, order=order):
            return _unless_rows(outcome, wanted) or _exact(wanted, _rows(outcome), comparison, _is_ordered(ordered, order))
        case Contains(rows=wanted):
            found = _unless_rows(outcome, wanted)
            return found or (None if comparison.among(wanted, _rows(outcome)) else "not all of these rows are in the result")
        case Excludes(rows=wanted):
            return _unless_rows(outcome, wanted) or _excludes(wanted, _rows(outcome), comparison)
        case SameAs(label=label, order=order):
            return _same_as(label, labels, outcome, order is RowOrder.IN_ORDER)
        case ExpectedError():
            return _error(alternative, outcome)
        case Blocks():
            return "the statement was not blocked"
        case _:
            assert_never(alternative)


def _rows(outcome: Outcome) -> list[Row]:
    assert isinstance(outcome, Rows)
    return outcome.rows


def _error_of(outcome: Outcome) -> str | None:
    return f"the statement failed with {outcome.error_class}" if isinstance(outcome, Failed) else None


def _unless_rows(outcome: Outcome, wanted: tuple[CellRow, ...]) -> str | None:
    if isinstance(outcome, Failed):
        return _error_of(outcome)
    if not isinstance(outcome, Rows):
        return "the statement gives no rows"
    if wanted and outcome.columns != len(wanted[0]):
        return f"expected {len(wanted[0])} {_plural('column', len(wanted[0]))}, got {outcome.columns}"
    return None


def _exact(wanted: tuple[CellRow, ...], rows: list[Row], comparison: CellComparison, ordered: bool) -> str | None:
    if len(wanted) != len(rows):
        return f"expected {len(wanted)} {_plural('row', len(wanted))}, got {len(rows)}"
    if ordered or len(wanted) == 1:
        for number, (cells, row) in enumerate(zip(wanted, rows, strict=True), 1):
            for column, (cell, value) in enumerate(zip(cells, row, strict=True), 1):
                if not comparison.cell(cell, value):
                    where = f"column {column}" if len(rows) == 1 else f"row {number}, column {column}"
                    is_all = len(row) == 1 and len(rows) == 1
                    expected = comparison.expected_text(cell)
                    return f"{'' if is_all else f'{where}: '}expected {expected}, got {literal(value)}"
        return None
    return None if comparison.among(wanted, rows) else "the rows differ"


def _excludes(wanted: tuple[CellRow, ...], rows: list[Row], comparison: CellComparison) -> str | None:
    for cells in wanted:
        for row in rows:
            if comparison.row(cells, row):
                return f"{literal_row(row)} is in the result"
    return None


_COMPARE: Final[Mapping[ComparisonOperator, Callable[[int, int], bool]]] = {
    ComparisonOperator.EQ: operator.eq,
    ComparisonOperator.NE: operator.ne,
    ComparisonOperator.LT: operator.lt,
    ComparisonOperator.LE: operator.le,
    ComparisonOperator.GT: operator.gt,
    ComparisonOperator.GE: operator.ge,
}


def _count(count: Count, outcome: Outcome, comparison: CellComparison) -> str | None:
    if isinstance(outcome, Failed):
        return _error_of(outcome)
    wanted = comparison.env[count.n.name] if isinstance(count.n, Variable) else count.n
    if type(wanted) is not int:
        return f"a count is an integer, and the variable is {literal(wanted)}"
    got = _counted(count.what, outcome)
    if got is None:
        return (
            "the statement gives no rows" if count.what is not CountUnit.AFFECTED else "the statement has no affected count"
        )
    if _COMPARE[count.comparison](got, wanted):
        return None
    is_one = wanted == 1 and count.comparison is ComparisonOperator.EQ
    noun = str(count.what).removesuffix("s") if is_one else str(count.what)
    sign = "" if count.comparison is ComparisonOperator.EQ else f"{count.comparison} "
    return f"expected {sign}{wanted} {noun}, got {got}"


def _counted(what: CountUnit, outcome: Rows | Affected) -> int | None:
    match what:
        case CountUnit.ROWS:
            return len(outcome.rows) if isinstance(outcome, Rows) else None
        case CountUnit.COLUMNS:
            return outcome.columns if isinstance(outcome, Rows) else None
        case CountUnit.AFFECTED:
            return outcome.affected if isinstance(outcome, Rows) else outcome.n
        case _:
            assert_never(what)


def _error(wanted: ExpectedError, outcome: Outcome) -> str | None:
    if not isinstance(outcome, Failed):
        return "the statement did not fail"
    error_class = outcome.error_class
    if wanted.error_class is not None:
        if error_class is not wanted.error_class:
            return f"the error is {error_class}"
    elif wanted.sqlstate is not None:
        sqlstate = outcome.sqlstate or error_class.sqlstate
        if sqlstate != wanted.sqlstate:
            return f"the error is {error_class}, SQLSTATE {sqlstate or 'unknown'}"
    elif wanted.native is not None:
        if outcome.native != wanted.native:
            return f"the error is {error_class}, native {outcome.native}"
    elif not error_class.is_ordinary and wanted.regex is None:
        return f"{error_class} is no error that a plan should expect without naming it"
    if wanted.regex is not None and not re.search(wanted.regex, outcome.text):
        return "the message does not match"
    return None


def _same_as(label: str, labels: Mapping[str, Outcome], outcome: Outcome, in_order: bool) -> str | None:
    other = labels.get(label)
    if other is None:
        return f"no step labelled {label} has run"
    if isinstance(outcome, Failed) or isinstance(other, Failed):
        if isinstance(outcome, Failed) and isinstance(other, Failed):
            same_class = outcome.error_class is other.error_class
            return None if same_class else f"{label} failed with {other.error_class}, this with {outcome.error_class}"
        return f"{label} failed with {other.error_class}" if isinstance(other, Failed) else _error_of(outcome)
    if isinstance(outcome, Rows) and isinstance(other, Rows):
        if outcome.columns != other.columns:
            return f"{label} has {other.columns} {_plural('column', other.columns)}, this has {outcome.columns}"
        return None if bag_of(outcome.rows, in_order) == bag_of(other.rows, in_order) else f"the rows of {label} differ"
    return None if outcome == other else f"{label} came to {'; '.join(describe(other))}"


def bag_of(rows: list[Row], in_order: bool = False) -> list[tuple[object, ...]]:
    """A list that is equal for equal bags (or sequences) of rows, kinds of values included."""
    keys = [row_key(tuple(map(canonical, row))) for row in rows]
    return list(keys) if in_order else sorted(keys)


def _plural(noun: str, n: int) -> str:
    return noun if n == 1 else f"{noun}s"


@dataclass(slots=True, kw_only=True, eq=False)
class CellComparison:
    """The comparison of one alternative with one outcome: the variables that it reads, and the names that it binds."""

    env: Mapping[str, Value]
    boolean_type: bool
    bound: dict[str, Value] = field(default_factory=dict)

    def cell(self, cell: Cell, value: Value) -> bool:
        """Whether the value matches the cell; ``?x`` binds it."""
        match cell:
            case Wildcard():
                return True
            case Scalar(value=wanted):
                return self._scalar(wanted, value)
            case FixedPoint(text=text):
                return _equals_fixed(text, value)
            case TypedLiteral(kind=kind, text=text):
                return _equals_typed(kind, text, value)
            case Variable(name=name):
                return self._variable(self.env[name], value)
            case Binding(name=name):
                if name in self.bound:
                    return same(self.bound[name], value)
                self.bound[name] = value
                return True
            case _:
                assert_never(cell)

    def expected_text(self, cell: Cell) -> str:
        """The value that a cell expects, for a message; of a variable, its value at this moment."""
        match cell:
            case Scalar(value=value):
                return literal(value)
            case FixedPoint(text=text):
                return text
            case TypedLiteral(kind=kind, text=text):
                return f"{kind} '{text}'"
            case Variable(name=name):
                return literal(self.env[name])
            case Binding(name=name):
                return literal(self.bound[name])  # a name that is bound twice, to different values
            case Wildcard():
                return "_"
            case _:
                assert_never(cell)

    def row(self, cells: CellRow, row: Row) -> bool:
        """Whether a whole row matches. Widths must be equal."""
        return len(cells) == len(row) and all(map(self.cell, cells, row))

    def in_order(self, wanted: Sequence[CellRow], rows: Sequence[Row]) -> bool:
        """Whether the rows match one by one."""
        return len(wanted) == len(rows) and all(map(self.row, wanted, rows))

    def among(self, wanted: Sequence[CellRow], rows: Sequence[Row]) -> bool:
        """Whether each wanted row can be assigned a different row that matches it: whether it is a sub-bag, with wildcards.

        A maximum bipartite matching by augmenting paths (Kuhn); rows without wildcards never need to augment.
        """
        owner: dict[int, int] = {}

        def place(i: int, seen: set[int]) -> bool:
            for j, row in enumerate(rows):
                if j not in seen and self.row(wanted[i], row):
                    seen.add(j)
                    if j not in owner or place(owner[j], seen):
                        owner[j] = i
                        return True
            return False

        for i, cells in enumerate(wanted):
            # Most wanted rows find a free row at once; only those with wildcards ever push another one to its second choice.
            free = next((j for j, row in enumerate(rows) if j not in owner and self.row(cells, row)), None)
            if free is not None:
                owner[free] = i
            elif not place(i, set()):
                return False
        return True

    def _scalar(self, wanted: bool | int | float | str | bytes | None, value: Value) -> bool:
        if wanted is None or value is None:
            return wanted is value
        if isinstance(wanted, bool):
            return value is wanted or (not self.boolean_type and type(value) is int and value == int(wanted))
        if isinstance(wanted, int):
            return type(value) in (int, Decimal) and value == wanted
        if isinstance(wanted, str):
            return as_text(value) == wanted
        return same(wanted, value)

    def _variable(self, wanted: Value, value: Value) -> bool:
        if isinstance(wanted, (float, Decimal)):
            return isinstance(value, (float, Decimal)) and (same(wanted, value) or value == wanted)
        if isinstance(wanted, (date, time)):
            return same(wanted, value) or (isinstance(value, str) and as_text(wanted) == value)
        return self._scalar(wanted, value)


def _equals_fixed(text: str, value: Value) -> bool:
    if isinstance(value, float):
        return value == float(text)
    return isinstance(value, Decimal) and value == Decimal(text)


def _equals_typed(kind: LiteralType, text: str, value: Value) -> bool:
    match kind:
        case LiteralType.DECIMAL:
            return isinstance(value, Decimal) and value == Decimal(text)
        case LiteralType.DATE:
            return type(value) is date and value == date.fromisoformat(text)
        case LiteralType.TIME:
            return type(value) is time and as_text(value) == as_text(time.fromisoformat(text))
        case LiteralType.TIMESTAMP:
            return type(value) is datetime and as_text(value) == as_text(datetime.fromisoformat(text))
        case _:
            assert_never(kind)
