"""Do we and the engines agree on what expressions are worth?

``python -m tests.generation.expressions.agreement --count 100000`` asks. Expressions are drawn by seed and asked for
fifty at a time, of every row of a table whose rows change. An expression that an engine refuses disagrees. What is
known to differ is in ``DECLARED``, with its reason.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from simdsl.generation.expressions.drawing import draw_expression
from simdsl.generation.expressions.evaluation import Undefined, evaluate
from simdsl.generation.expressions.ir import SqlExpression, SqlType
from simdsl.plan.outcomes import Failed
from simdsl.plan.values import Value, same
from tests.generation.expressions.tables import COLUMNS, RATES, WILD, Cells, Engine, drawn_rows

BATCH: Final = 50
ROWS: Final = 6
_BATCHES_A_FILL: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A difference that is known: ``applies`` tells by the expression and the engine."""

    reason: str
    source: str
    applies: Callable[[SqlExpression, str], bool]


DECLARED: Final[tuple[Declared, ...]] = ()
"""Nothing yet: what differs is not in the IR, or is ``Undefined``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """What an engine made of an expression for a row, and what we did."""

    engine: str
    text: str
    row: Cells
    ours: Value | Undefined
    theirs: Value | Failed

    def __str__(self) -> str:
        return f"{self.engine}: {self.text}\n  of {self.row}\n  is {self.theirs!r}, ours {self.ours!r}"


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was compared."""

    expressions: int = 0
    values: int = 0
    undefined: int = 0
    results: Counter[str] = field(default_factory=Counter)  # NULL, TRUE, FALSE, other values
    declared: Counter[str] = field(default_factory=Counter)
    disagreements: list[Disagreement] = field(default_factory=list)

    def __str__(self) -> str:
        shown = ", ".join(f"{count} {name}" for name, count in sorted(self.results.items()))
        known = "".join(f"\n  declared: {count} of {reason}" for reason, count in sorted(self.declared.items()))
        return (
            f"{self.expressions} expressions, {self.values} values compared ({shown}), {self.undefined} undefined, "
            f"{sum(self.declared.values())} declared, {len(self.disagreements)} disagreements{known}"
        )


def drawn(seed: int, first: int, count: int) -> list[SqlExpression]:
    """Expressions number ``first`` and on, of all types, one to four deep, every other one of wild values."""
    types = (*SqlType, SqlType.BOOLEAN, SqlType.BOOLEAN)
    return [
        draw_expression(
            seed=seed,
            place=(i,),
            wanted=types[i % len(types)],
            columns=COLUMNS,
            depth=1 + i // 2 % 4,
            rates=WILD if i % 2 else RATES,
        )
        for i in range(first, first + count)
    ]


Evaluate: TypeAlias = Callable[[SqlExpression, Cells], Value | Undefined]


def agree(engines: Sequence[Engine], *, seed: int, count: int, ours: Evaluate = evaluate) -> Tally:
    """Compare that many expressions, a batch at a time, with what ``ours`` makes of them."""
    tally = Tally()
    rows: list[Cells] = []
    for number, first in enumerate(range(0, count, BATCH)):
        if number % _BATCHES_A_FILL == 0:
            filled = number // _BATCHES_A_FILL
            rows = drawn_rows(seed, ROWS, WILD if filled % 2 else RATES, fill=filled)
            for engine in engines:
                engine.fill(rows)
        compare(engines, drawn(seed, first, min(BATCH, count - first)), rows, tally, bound=number % 2 == 1, ours=ours)
    return tally


def compare(
    engines: Sequence[Engine],
    expressions: Sequence[SqlExpression],
    rows: Sequence[Cells],
    tally: Tally,
    *,
    bound: bool,
    ours: Evaluate = evaluate,
) -> None:
    """Compare some expressions over the rows that the engines hold."""
    expected = [[ours(expression, row) for row in rows] for expression in expressions]
    tally.expressions += len(expressions)
    tally.undefined += sum(isinstance(value, Undefined) for values in expected for value in values)
    tally.results.update(_word(value) for values in expected for value in values)
    for engine in engines:
        for i, row, theirs in _answers(engine, expressions, len(rows), bound=bound):
            value = expected[i][row]
            tally.values += 1
            if isinstance(value, Undefined) or (not isinstance(theirs, Failed) and same(value, theirs)):
                continue
            known = next((d for d in DECLARED if d.applies(expressions[i], engine.dialect)), None)
            if known is not None:
                tally.declared[known.reason] += 1
                continue
            text = engine.printer.text(expressions[i])
            found = Disagreement(engine=engine.dialect, text=text, row=rows[row], ours=value, theirs=theirs)
            tally.disagreements.append(found)


def _answers(
    engine: Engine, expressions: Sequence[SqlExpression], count: int, *, bound: bool
) -> Iterator[tuple[int, int, Value | Failed]]:
    """Number of the expression, number of the row, value. If a batch fails, its expressions are asked one by one."""
    answer = engine.values(expressions, bound=bound)
    if not isinstance(answer, Failed):
        yield from ((i, row, value) for row, values in enumerate(answer) for i, value in enumerate(values))
    elif len(expressions) == 1:
        yield from ((0, row, answer) for row in range(count))
    else:
        for i, expression in enumerate(expressions):
            yield from ((i, row, value) for _, row, value in _answers(engine, [expression], count, bound=bound))


def _word(value: Value | Undefined) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).upper()
        case Undefined():
            return "undefined"
        case _:
            return "other"


def main(arguments: Sequence[str] | None = None, ours: Evaluate = evaluate) -> int:
    """Exit 1 if there is a disagreement; the first ten are shown."""
    parser = argparse.ArgumentParser(prog="python -m tests.generation.expressions.agreement", description=__doc__)
    parser.add_argument("--count", type=int, default=5_000, help="expressions (default: 5000)")
    parser.add_argument("--seed", type=int, default=0, help="of expressions and rows (default: 0)")
    parser.add_argument("--engine", action="append", help="a backend's URL (default: sqlite, postgres)")
    options = parser.parse_args(arguments)
    engines = [Engine(selector) for selector in options.engine or ("sqlite", "postgres")]
    try:
        tally = agree(engines, seed=options.seed, count=options.count, ours=ours)
    finally:
        for engine in engines:
            engine.close()
    print(f"seed {options.seed}, {', '.join(engine.version for engine in engines)}: {tally}")
    for found in tally.disagreements[:10]:
        print(found)
    return 1 if tally.disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
