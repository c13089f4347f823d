"""``sleep``: durations. That it takes no real time is tested in tests/runner."""

from __future__ import annotations

import pytest

from simdsl.plan.codes import Code
from simdsl.syntax.expressions import parse_duration
from simdsl.verbs.sleep import VERB, Sleep
from tests.language.helpers import codes, steps_of, with_steps
from tests.verbs.helpers import code_of, parses_or_refuses


@pytest.mark.parametrize(
    ("text", "duration_us"),
    [("0ms", 0), ("10us", 10), ("5ms", 5_000), ("2s", 2_000_000), ("3m", 180_000_000), ("1h", 3_600_000_000)],
)
def test_rule_48_durations(text: str, duration_us: int) -> None:
    assert parse_duration(text) == duration_us


@pytest.mark.parametrize("text", ["5", "5 ms", "-5ms", "1.5s", "ms", "", "5d", "99999999999999h", "9" * 30 + "us"])
def test_rule_48_other_durations_are_refused(text: str) -> None:
    assert code_of(lambda: parse_duration(text)) is Code.G208


def test_a_step() -> None:
    assert steps_of(with_steps("sleep: 1500ms")) == (Sleep(duration_us=1_500_000),)
    assert VERB.text(Sleep(duration_us=1_500_000)) == "1500ms"
    assert codes(with_steps("sleep: 5")) == ["G208"]


def test_any_text_is_a_duration_or_refused() -> None:
    parses_or_refuses(parse_duration)
