"""Statements of a plan in another dialect than the backend's: translated, in their own words, or the reason for a skip."""

from __future__ import annotations

import pytest

from simdsl.backends.registry import resolve
from simdsl.language.load import load_text
from simdsl.plan.sql import Dialect
from simdsl.runner.lowering import Skipped, TranslatorCache, lower, source_dialect

HEAD = "simdsl: 1\nplan: p\n"


def sent(text: str, url: str = "postgres") -> list[str]:
    """What the backend is sent of the steps."""
    program = lower(load_text(HEAD + text), resolve(url), ())
    assert not isinstance(program, Skipped), program.reason
    return [op.statement.text for op in program.statements() if op.path[0] == "steps"]


def skipped(text: str, url: str = "postgres") -> str:
    """Why the plan is skipped."""
    program = lower(load_text(HEAD + text), resolve(url), ())
    assert isinstance(program, Skipped)
    return program.reason


@pytest.mark.parametrize(
    ("head", "dialect"),
    [
        ("", Dialect.SQLITE),
        ("dialect: duckdb\n", Dialect.DUCKDB),
        ("backends: [postgres]\n", Dialect.POSTGRES),
        ("backends: [postgres, mssql]\n", Dialect.SQLITE),
        ("backends: [postgres]\ndialect: sqlite\n", Dialect.SQLITE),
    ],
)
def test_dialect_of_a_plan(head: str, dialect: Dialect) -> None:
    plan = load_text(f"{HEAD}{head}steps:\n  - a: SELECT 1 => 1\n")
    assert source_dialect(plan, Dialect.POSTGRES) is dialect


def test_statement_is_translated() -> None:
    assert sent("steps:\n  - a: SELECT ifnull(NULL, $x) => ?y\nparams: [{x: 1}]\n") == ["SELECT COALESCE(NULL, $1)"]
    assert sent("steps:\n  - a: SELECT ifnull(NULL, 1) => 1\n", "sqlite") == ["SELECT ifnull(NULL, 1)"]


def test_override_and_what_only_one_backend_runs_are_in_its_own_words() -> None:
    text = "steps:\n  - a: SELECT 1 => 1\n    postgres: SELECT ifnull(1, 2) => error\n"
    assert sent(text) == ["SELECT ifnull(1, 2)"]
    assert sent("steps:\n  - a: SET CONSTRAINTS ALL DEFERRED\n    only: [postgres]\n") == ["SET CONSTRAINTS ALL DEFERRED"]
    assert sent("backends: [postgres]\nsteps:\n  - a: SELECT ifnull(1, 2) => error\n") == ["SELECT ifnull(1, 2)"]


def test_transaction_control_is_each_backends_own() -> None:
    assert sent("steps:\n  - a: BEGIN\n  - a: SAVEPOINT s\n  - a: ROLLBACK TO s\n  - a: COMMIT => ok\n") == [
        "BEGIN",
        "SAVEPOINT s",
        "ROLLBACK TO SAVEPOINT s",
        "COMMIT",
    ]


def test_what_cannot_be_carried_skips_the_plan_with_its_construct() -> None:
    reason = skipped("steps:\n  - a: SELECT 1 => 1\n  - a: PRAGMA user_version => 0\n")
    assert reason.startswith("step steps.2: ")
    assert "PRAGMA" in reason
    assert "write `postgres: ...` beside it" in reason


def test_what_is_expected_to_fail_is_sent_as_it_stands() -> None:
    assert sent("steps:\n  - a: SELEC 1 => error syntax_error\n") == ["SELEC 1"]
    assert "cannot be translated" in skipped("steps:\n  - a: SELEC 1 => error syntax_error or ok\n")


def test_translators_are_made_once() -> None:
    translators = TranslatorCache()
    first = translators.get(Dialect.SQLITE, Dialect.POSTGRES, frozenset())
    assert translators.get(Dialect.SQLITE, Dialect.POSTGRES, frozenset()) is first
    assert translators.get(Dialect.SQLITE, Dialect.POSTGRES, frozenset({"t"})) is not first
