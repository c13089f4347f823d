"""``return``: its arguments and its expectation."""

from __future__ import annotations

import pytest

from simdsl.plan.codes import Code
from simdsl.verbs.base.parsing import parse_session
from simdsl.verbs.return_ import Return
from tests.language.helpers import codes, steps_of, with_steps
from tests.verbs.helpers import code_of, parses_or_refuses

POOL = "pools:\n  main: {size: 1}\n"


@pytest.mark.parametrize(("text", "task"), [("a", "a"), ("", None)])
def test_arguments(text: str, task: str | None) -> None:
    arguments = parse_session("return", text)
    assert (arguments.task and arguments.task.name, arguments.pool) == (task, None)


def test_other_arguments_are_refused() -> None:
    assert code_of(lambda: parse_session("return", "a from main")) in (Code.G201, Code.G202)
    parses_or_refuses(lambda text: parse_session("return", text))


def test_it_needs_a_pool_and_a_task() -> None:
    assert steps_of(with_steps("checkout: a", "return: a", head=POOL))[1] == Return(task="a")
    assert codes(with_steps("return: a")) == ["R041"]
    assert codes(with_steps("checkout: a", "return: ''", head=POOL)) == ["G202"]


def test_it_never_blocks() -> None:
    assert codes(with_steps("checkout: a", "return: a => blocks", head=POOL)) == ["R015"]
