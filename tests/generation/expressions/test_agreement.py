"""Random expressions have one value in our evaluation, SQLite and PostgreSQL."""

from __future__ import annotations

from collections import Counter

import pytest

from simdsl.generation.expressions.drawing import draw_expression, draw_predicate_true_for, rectify
from simdsl.generation.expressions.evaluation import Undefined, evaluate
from simdsl.generation.expressions.ir import (
    Arithmetic,
    ArithmeticOperator,
    ColumnRef,
    Literal,
    Not,
    NullIf,
    SearchedCase,
    SqlExpression,
    SqlType,
    with_operands,
)
from simdsl.generation.expressions.ir import operands as parts
from simdsl.generation.expressions.rewriting import REWRITES, RewrittenExpression, all_rewrites, draw_rewrite
from simdsl.generation.expressions.values import clamp_real
from simdsl.plan.outcomes import Failed, Rows
from simdsl.plan.values import same
from tests.generation.expressions import agreement
from tests.generation.expressions.agreement import Evaluate, Tally, agree, compare, drawn
from tests.generation.expressions.left_out import LEFT_OUT, LeftOut
from tests.generation.expressions.tables import COLUMNS, RATES, WILD, Engine, as_type, drawn_rows


@pytest.mark.slow
def test_expressions_agree(engines: tuple[Engine, ...]) -> None:
    tally = agree(engines, seed=0, count=5_000)
    assert not tally.disagreements, "\n".join(map(str, tally.disagreements[:5]))
    assert tally.undefined == 0
    assert min(tally.results[word] for word in ("NULL", "TRUE", "FALSE", "other")) > 3_000, tally


def test_a_disagreement_is_found_and_told(engines: tuple[Engine, ...]) -> None:
    tally = agree(engines, seed=0, count=50, ours=lambda expression, row: None)
    assert len(tally.disagreements) > 50
    assert str(tally.disagreements[0]).endswith("ours None")


def test_what_is_defined_without_guards_agrees_too(engines: tuple[Engine, ...]) -> None:
    """Guards taken away, much is undefined; where we say that it is defined, it is."""
    rows = drawn_rows(5, 4, WILD)
    for engine in engines:
        engine.fill(rows)
    seen = Counter[str]()
    for i in range(600):
        wanted = SqlType.REAL if i % 3 == 0 else SqlType.INTEGER
        guarded = draw_expression(seed=9, place=(i,), wanted=wanted, columns=COLUMNS, depth=2, rates=WILD)
        bare = _unguarded(guarded)
        if bare == guarded:
            continue
        number = i % len(rows)
        ours = evaluate(bare, rows[number])
        seen[ours.reason if isinstance(ours, Undefined) else "defined"] += 1
        if isinstance(ours, Undefined):
            continue
        for engine in engines:
            text = engine.printer.text(bare)
            ((theirs,),) = engine.must(f"SELECT {text} FROM v WHERE id = {number}")
            assert same(ours, as_type(theirs, bare.type)), (engine.dialect, text, rows[number])
    assert len(seen) > 3, seen
    assert seen["defined"] > 50, seen


def test_rectified_predicates_select_their_row(engines: tuple[Engine, ...]) -> None:
    rows = drawn_rows(3, 8)
    predicates = [
        draw_predicate_true_for(rows[i % len(rows)], seed=3, place=(i,), columns=COLUMNS, depth=1 + i % 3, rates=RATES)
        for i in range(400)
    ]
    for engine in engines:
        engine.fill(rows)
        for i, predicate in enumerate(predicates):
            text = engine.printer.bound_text(predicate, "p") if i % 2 else None
            where, given = (engine.printer.text(predicate), {}) if text is None else (text.text, dict(text.values))
            found = [key for (key,) in engine.must(f"SELECT id FROM v WHERE {where}", given)]
            assert i % len(rows) in found, (engine.dialect, where)
            ours = [key for key, row in enumerate(rows) if evaluate(predicate, row) is True]
            assert sorted(map(int, map(str, found))) == ours, (engine.dialect, where)


def test_predicates_are_rectified_in_all_three_ways() -> None:
    (row,) = drawn_rows(4, 1)
    made = Counter[str]()
    for i in range(200):
        original = draw_expression(seed=4, place=(i,), wanted=SqlType.BOOLEAN, columns=COLUMNS, depth=2, rates=RATES)
        found = rectify(original, row)
        assert found is not None
        assert evaluate(found, row) is True
        made["itself" if found is original else type(found).__name__] += 1
    assert min(made[way] for way in ("itself", "Not", "IsNull")) >= 10, made


@pytest.mark.slow
def test_rewrites_agree(engines: tuple[Engine, ...]) -> None:
    """Every rewrite, at the root and within, is worth the same to us; a sample of each is so to the engines."""
    rows = drawn_rows(6, 6) + drawn_rows(6, 6, WILD, fill=1)
    for engine in engines:
        engine.fill(rows)
    sample: list[tuple[SqlExpression, RewrittenExpression]] = []
    seen = Counter[str]()
    for i in range(700):
        wanted = SqlType.BOOLEAN if i % 3 else list(SqlType)[i % 5]
        original = draw_expression(seed=6, place=(i,), wanted=wanted, columns=COLUMNS, depth=2, rates=RATES)
        if wanted is SqlType.BOOLEAN and i % 2:
            original = Not(operand=original)  # which much of the rewriting is about
        values = [evaluate(original, row) for row in rows]
        for made in all_rewrites(original):
            assert made.expression.type is original.type
            assert [evaluate(made.expression, row) for row in rows] == values, (made.name, original)
            seen[made.name] += 1
            if seen[made.name] <= 40:
                sample.append((original, made))
    assert {name: count for name, count in seen.items() if count >= 10}.keys() == {r.__name__ for r in REWRITES}, seen
    tally = Tally()
    for first in range(0, len(sample), 50):
        some = sample[first : first + 50]
        compare(engines, [original for original, _ in some], rows, tally, bound=False)
        compare(engines, [made.expression for _, made in some], rows, tally, bound=False)
    assert not tally.disagreements, "\n".join(map(str, tally.disagreements[:5]))


def test_rewritings_are_drawn_by_seed_and_place() -> None:
    expressions = drawn(14, 0, 700)
    made = [draw_rewrite(one, seed=14, place=(i,)) for i, one in enumerate(expressions)]
    assert made == [draw_rewrite(one, seed=14, place=(i,)) for i, one in enumerate(expressions)]
    names = Counter(one.name for one in made if one is not None)
    assert len(names) > 12, names
    assert names.most_common(1)[0][1] < 200, names
    assert draw_rewrite(COLUMNS[0], seed=14, place=()) is None


@pytest.mark.parametrize(("ours", "code"), [(evaluate, 0), (lambda expression, row: "x", 1)])
def test_the_command_exits_by_what_it_found(capsys: pytest.CaptureFixture[str], ours: Evaluate, code: int) -> None:
    assert agreement.main(["--count", "60", "--engine", "sqlite"], ours) == code
    printed = capsys.readouterr().out
    assert "60 expressions, 360 values compared" in printed
    assert (" 0 disagreements" in printed) is (code == 0)


def test_a_statement_that_an_engine_refuses_disagrees(engines: tuple[Engine, ...]) -> None:
    rows = drawn_rows(1, 2)
    for engine in engines:
        engine.fill(rows)
    tally = Tally()
    unknown = ColumnRef(name="no_such", type=SqlType.INTEGER)
    compare(engines, [unknown, COLUMNS[0]], [{**row, "no_such": 1} for row in rows], tally, bound=False)
    assert {type(found.theirs) for found in tally.disagreements} == {Failed}
    assert len(tally.disagreements) == 4


@pytest.mark.parametrize("difference", LEFT_OUT, ids=lambda difference: str(difference.sqlite))
def test_what_is_left_out_really_differs(engines: tuple[Engine, ...], difference: LeftOut) -> None:
    here, there = (
        engine.run(f"SELECT {text}") for engine, text in zip(engines, (difference.sqlite, difference.postgres), strict=True)
    )
    assert isinstance(here, Rows)
    if isinstance(there, Failed):
        return
    assert isinstance(there, Rows)
    ((ours,), (theirs,)) = here.rows[0], there.rows[0]
    assert not same(bool(ours) if isinstance(theirs, bool) else ours, theirs)


def _unguarded(expression: SqlExpression) -> SqlExpression:
    """The expression without what the drawer put around operands."""
    operands = [_unguarded(part) for part in parts(expression)]
    made = with_operands(expression, operands)
    match made:
        case Arithmetic(operator=ArithmeticOperator.REMAINDER, left=left, right=Literal(value=1_000_003)):
            return left
        case NullIf(left=left, right=Literal(value=0 | 0.0)):
            return left
        case SearchedCase(branches=(branch,)) if branch.result.type is SqlType.REAL and made == clamp_real(branch.result):
            return branch.result
    return made
