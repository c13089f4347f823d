"""Rule 9: the forms of transaction control."""

from __future__ import annotations

import pytest

from simdsl.language.lexing import parse_sql
from simdsl.plan.ir import Action, Dialect, Isolation, Mode, SqlKind, Transaction


def transaction(text: str) -> Transaction | None:
    return parse_sql(text, Dialect.SQLITE).transaction


@pytest.mark.parametrize("word", ["BEGIN", "begin", "START"])
@pytest.mark.parametrize("keyword", ["", " TRANSACTION", " tran", " WORK"])
def test_rule_09_begin(word: str, keyword: str) -> None:
    assert transaction(word + keyword) == Transaction(action=Action.BEGIN)


@pytest.mark.parametrize("mode", list(Mode))
def test_rule_09_modes(mode: Mode) -> None:
    assert transaction(f"BEGIN {mode.upper()}") == Transaction(action=Action.BEGIN, mode=mode)


@pytest.mark.parametrize("level", list(Isolation))
def test_rule_09_levels(level: Isolation) -> None:
    expected = Transaction(action=Action.BEGIN, isolation=level, read_only=True)
    assert transaction(f"BEGIN TRANSACTION ISOLATION LEVEL {level.upper()} READ ONLY") == expected
    assert transaction(f"START TRANSACTION READ ONLY, ISOLATION  LEVEL {level}") == expected


def test_rule_09_read_write() -> None:
    assert transaction("BEGIN IMMEDIATE READ WRITE") == Transaction(
        action=Action.BEGIN, mode=Mode.IMMEDIATE, read_only=False
    )


@pytest.mark.parametrize("text", ["COMMIT", "END", "commit work", "END TRANSACTION", "COMMIT;"])
def test_rule_09_commit(text: str) -> None:
    assert transaction(text) == Transaction(action=Action.COMMIT)


@pytest.mark.parametrize("text", ["ROLLBACK", "abort", "ROLLBACK WORK", "ROLLBACK TRANSACTION"])
def test_rule_09_rollback(text: str) -> None:
    assert transaction(text) == Transaction(action=Action.ROLLBACK)


@pytest.mark.parametrize(
    ("text", "action", "name"),
    [
        ("ROLLBACK TO s1", Action.ROLLBACK_TO, "s1"),
        ("ROLLBACK TRANSACTION TO SAVEPOINT S1", Action.ROLLBACK_TO, "S1"),
        ("SAVEPOINT s1", Action.SAVEPOINT, "s1"),
        ('SAVEPOINT "my save"', Action.SAVEPOINT, '"my save"'),
        ("SAVE TRAN s1", Action.SAVEPOINT, "s1"),
        ("SAVE TRANSACTION s1", Action.SAVEPOINT, "s1"),
        ("RELEASE s1", Action.RELEASE, "s1"),
        ("RELEASE SAVEPOINT s1", Action.RELEASE, "s1"),
    ],
)
def test_rule_09_savepoints(text: str, action: Action, name: str) -> None:
    assert transaction(text) == Transaction(action=action, name=name)


def test_rule_09_comments_are_ignored() -> None:
    assert transaction("/* now */ BEGIN -- go\n IMMEDIATE") == Transaction(action=Action.BEGIN, mode=Mode.IMMEDIATE)


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
