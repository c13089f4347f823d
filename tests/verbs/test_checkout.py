"""``checkout``: its arguments, its pool, its expectation."""

from __future__ import annotations

import pytest

from simdsl.plan.codes import Code
from simdsl.plan.expectations import Blocks
from simdsl.verbs.base.parsing import parse_session
from simdsl.verbs.checkout import Checkout
from tests.language.helpers import codes, only, pointed, steps_of, with_steps
from tests.verbs.helpers import code_of, parses_or_refuses

POOL = "pools:\n  main: {size: 1}\n"
POOLS = "pools:\n  main: {size: 1}\n  other: {size: 1}\n"


@pytest.mark.parametrize(
    ("text", "task", "pool"),
    [("a from main", "a", "main"), ("a", "a", None), ("from main", None, "main"), ("", None, None)],
)
def test_arguments(text: str, task: str | None, pool: str | None) -> None:
    arguments = parse_session("checkout", text)
    assert (arguments.task and arguments.task.name, arguments.pool and arguments.pool.name) == (task, pool)


def test_other_arguments_are_refused() -> None:
    assert code_of(lambda: parse_session("checkout", "a form main")) in (Code.G201, Code.G202)
    parses_or_refuses(lambda text: parse_session("checkout", text))


def test_the_pool_may_be_left_out_if_there_is_one() -> None:
    (step,) = steps_of(with_steps("checkout: a => blocks", head=POOL))
    assert step == Checkout(task="a", pool="main", expect=(Blocks(),))
    assert codes(with_steps("checkout: a", head=POOLS)) == ["R041"]
    assert codes(with_steps("checkout: a")) == ["R041"]


def test_the_pool_exists() -> None:
    diagnostic = only(with_steps("checkout: a from mian", head=POOL))
    assert (diagnostic.code.name, pointed(diagnostic), diagnostic.help) == ("N011", "mian", "did you mean `main`?")


def test_it_gives_no_rows() -> None:
    assert codes(with_steps("checkout: a => 1", head=POOL)) == ["R015"]
