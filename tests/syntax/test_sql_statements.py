"""Rule 9: the forms of transaction control."""

from __future__ import annotations

import pytest

from simdsl.plan.sql import Dialect, IsolationLevel, SqlKind, TransactionAction, TransactionControl, TransactionMode
from simdsl.syntax.sql_lexer import parse_sql


def transaction(text: str) -> TransactionControl | None:
    return parse_sql(text, Dialect.SQLITE).transaction


@pytest.mark.parametrize("word", ["BEGIN", "begin", "START"])
@pytest.mark.parametrize("keyword", ["", " TRANSACTION", " tran", " WORK"])
def test_rule_09_begin(word: str, keyword: str) -> None:
    assert transaction(word + keyword) == TransactionControl(action=TransactionAction.BEGIN)


@pytest.mark.parametrize("mode", list(TransactionMode))
def test_rule_09_modes(mode: TransactionMode) -> None:
    assert transaction(f"BEGIN {mode.upper()}") == TransactionControl(action=TransactionAction.BEGIN, mode=mode)


@pytest.mark.parametrize("level", list(IsolationLevel))
def test_rule_09_levels(level: IsolationLevel) -> None:
    expected = TransactionControl(action=TransactionAction.BEGIN, isolation=level, read_only=True)
    assert transaction(f"BEGIN TRANSACTION ISOLATION LEVEL {level.upper()} READ ONLY") == expected
    assert transaction(f"START TRANSACTION READ ONLY, ISOLATION  LEVEL {level}") == expected


def test_rule_09_read_write() -> None:
    assert transaction("BEGIN IMMEDIATE READ WRITE") == TransactionControl(
        action=TransactionAction.BEGIN, mode=TransactionMode.IMMEDIATE, read_only=False
    )


@pytest.mark.parametrize("text", ["COMMIT", "END", "commit work", "END TRANSACTION", "COMMIT;"])
def test_rule_09_commit(text: str) -> None:
    assert transaction(text) == TransactionControl(action=TransactionAction.COMMIT)


@pytest.mark.parametrize("text", ["ROLLBACK", "abort", "ROLLBACK WORK", "ROLLBACK TRANSACTION"])
def test_rule_09_rollback(text: str) -> None:
    assert transaction(text) == TransactionControl(action=TransactionAction.ROLLBACK)


@pytest.mark.parametrize(
    ("text", "action", "name"),
    [
        ("ROLLBACK TO s1", TransactionAction.ROLLBACK_TO, "s1"),
        ("ROLLBACK TRANSACTION TO SAVEPOINT S1", TransactionAction.ROLLBACK_TO, "S1"),
        ("SAVEPOINT s1", TransactionAction.SAVEPOINT, "s1"),
        ('SAVEPOINT "my save"', TransactionAction.SAVEPOINT, '"my save"'),
        ("SAVE TRAN s1", TransactionAction.SAVEPOINT, "s1"),
        ("SAVE TRANSACTION s1", TransactionAction.SAVEPOINT, "s1"),
        ("RELEASE s1", TransactionAction.RELEASE, "s1"),
        ("RELEASE SAVEPOINT s1", TransactionAction.RELEASE, "s1"),
    ],
)
def test_rule_09_savepoints(text: str, action: TransactionAction, name: str) -> None:
    assert transaction(text) == TransactionControl(action=action, name=name)


def test_rule_09_comments_are_ignored() -> None:
    assert transaction("/* now */ BEGIN -- go\n IMMEDIATE") == TransactionControl(
        action=TransactionAction.BEGIN, mode=TransactionMode.IMMEDIATE
    )


@pytest.mark.parametrize(
    "text",
    [
        "BEGIN NOW",
        "BEGIN ISOLATION LEVEL CHAOS",
        "BEGIN READ ONLY READ ONLY",
        "BEGIN READ ONLY IMMEDIATE",
        "COMMIT AND CHAIN",
        "SAVEPOINT $x",
        "RELEASE",
        "ROLLBACK TO",
        "BEGINNING",
    ],
)
def test_rule_09_any_other_text_is_plain_sql(text: str) -> None:
    sql = parse_sql(text, Dialect.SQLITE)
    assert sql.transaction is None
    assert sql.kind is SqlKind.OTHER


def test_many_blanks_are_given_up_at_once() -> None:
    assert transaction(f"BEGIN{' ' * 100_000}x") is None
    assert transaction(f"ROLLBACK{' ' * 100_000}TO{' ' * 100_000}") is None
    assert transaction(f"BEGIN{' ' * 100_000}READ{' ' * 100_000}ONLY") is not None
