"""``retry``: its arguments, and whose it can be. What an attempt undoes is tested in tests/runner."""

from __future__ import annotations

import pytest

from simdsl.plan.codes import Code
from simdsl.plan.outcomes import ErrorClass
from simdsl.verbs.retry import parse_retry
from tests.language.helpers import codes, only, with_steps, with_tasks
from tests.verbs.helpers import code_of, parses_or_refuses


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3 times", (3, (), None)),
        ("1 times on busy", (1, (ErrorClass.BUSY,), None)),
        (
            "2 times on busy or serialization_failure every 5ms",
            (2, (ErrorClass.BUSY, ErrorClass.SERIALIZATION_FAILURE), 5_000),
        ),
        ("2 times every 1s", (2, (), 1_000_000)),
    ],
)
def test_rule_38_retries(text: str, expected: tuple[int, tuple[ErrorClass, ...], int | None]) -> None:
    assert tuple(parse_retry(text)) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("0 times", Code.G207),
        ("3 tims", Code.G201),
        ("3", Code.G202),
        ("3 times on bsy", Code.G204),
        ("3 times every 5", Code.G201),
    ],
)
def test_rule_38_other_retries_are_refused(text: str, code: Code) -> None:
    assert code_of(lambda: parse_retry(text)) is code


def test_any_text_is_a_retry_or_refused() -> None:
    parses_or_refuses(parse_retry)


def test_rule_38_a_retry_is_one_tasks() -> None:
    diagnostic = only(with_steps("retry: 2 times\ndo:\n  - a: SELECT 1\n  - b: SELECT 1"))
    assert diagnostic.code.name == "R038"
    nested = "for: i in 1..2\ndo:\n  - retry: 2 times\n    do:\n      - a: SELECT 1\n      - await: b"
    assert codes(with_steps("b: SELECT 1", nested)) == ["R038"]
    assert codes(with_steps("retry: 2 times\ndo:\n  - a: SELECT 1\n  - sleep: 1ms\n  - a: SELECT 2")) == []


def test_rule_38_in_tasks_it_always_is() -> None:
    assert codes(with_tasks(a=["retry: 2 times\ndo:\n  - SELECT 1\n  - a: SELECT 2"])) == []
