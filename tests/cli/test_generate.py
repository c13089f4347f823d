"""``simdsl generate`` by a profile; that of a property is in test_properties."""

from __future__ import annotations

import pytest

from simdsl.language.load import load_text
from tests.cli.conftest import Shell


def test_a_generated_plan_is_a_plan_like_any_other(shell: Shell) -> None:
    assert shell("generate", "--seed", "3", "-o", "kept.yaml").code == 0
    said = shell("run", "kept.yaml", "--seed", "1")
    assert said.code == 0
    assert "pass kept.yaml" in said.out
    assert shell("check", "kept.yaml").code == 0


def test_the_same_profile_knobs_and_seed_give_the_same_plan(shell: Shell) -> None:
    once = shell("generate", "--profile", "write-heavy", "--seed", "7", "--steps", "40")
    assert once.code == 0
    assert once.out == shell("generate", "--profile", "write-heavy", "--seed", "7", "--set", "steps=40").out
    assert once.out != shell("generate", "--profile", "write-heavy", "--seed", "8", "--steps", "40").out
    assert load_text(once.out).name == "write-heavy-7"


def test_json_by_the_name_of_the_file(shell: Shell) -> None:
    assert shell("generate", "--seed", "3", "-o", "kept.json").code == 0
    assert shell("run", "kept.json").code == 0


def test_the_seed_of_a_profile_counts_less_than_the_option(shell: Shell) -> None:
    shell.write("mine.yaml", "simdsl: 1\nprofile: mine\ndoc: Mine.\nextends: quick\nseed: 5\n")
    assert load_text(shell("generate", "--profile", "./mine.yaml").out).name == "mine-5"
    assert load_text(shell("generate", "--profile", "./mine.yaml", "--seed", "6").out).name == "mine-6"


@pytest.mark.parametrize(
    ("option", "value", "knob"),
    [
        ("--steps", "33", "steps=33"),
        ("--tasks", "2", "tasks=2"),
        ("--pool-size", "1", "pool.size=1"),
        ("--max-in-flight-tx", "1", "max_in_flight_tx=1"),
        ("--ddl-rate", "0.5", "ddl_rate=0.5"),
        ("--busy-rate", "0.5", "busy_rate=0.5"),
        ("--panic-rate", "0.9", "panic_rate=0.9"),
        ("--sleep-rate", "0.9", "sleep_rate=0.9"),
    ],
)
def test_an_option_is_a_knob(shell: Shell, option: str, value: str, knob: str) -> None:
    turned = shell("generate", "--profile", "stress", "--seed", "1", option, value)
    assert turned.code == 0
    assert turned.out == shell("generate", "--profile", "stress", "--seed", "1", "--set", knob).out
    assert turned.out != shell("generate", "--profile", "stress", "--seed", "1").out


def test_mistakes_are_told_all_at_once(shell: Shell) -> None:
    said = shell("generate", "--profile", "quik", "--set", "stps=3", "--steps", "-1")
    assert said.code == 2
    assert said.out == ""
    assert "error[P009]: there is no profile `quik`" in said.err
    assert "did you mean `quick`?" in said.err
    assert "error[P002]: a profile has no knob `stps`" in said.err
    assert "error[P005]: an integer of 1 or more is expected here, not `-1`" in said.err


@pytest.mark.parametrize("more", [("--profile", "write-heavy"), ("--steps", "300"), ("--set", "tasks=6")])
def test_a_property_is_sized_by_profile_and_knobs(shell: Shell, more: tuple[str, ...]) -> None:
    call = ("generate", "--property", "tx-commit-visible", "--seed", "1")
    assert load_text(shell(*call, *more).out).properties == ("tx-commit-visible",)
    assert shell(*call, *more).out == shell(*call, *more).out
    assert shell(*call, *more).out != shell(*call).out
