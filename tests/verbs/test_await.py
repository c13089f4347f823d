"""``await``: its arguments, its place, its task. What it allows again is tested in tests/language/test_blocking.py."""

from __future__ import annotations

import pytest

from simdsl.plan.codes import Code
from simdsl.verbs.base.parsing import parse_session
from tests.language.helpers import codes, only, pointed, with_steps, with_tasks
from tests.verbs.helpers import code_of, parses_or_refuses


@pytest.mark.parametrize(("text", "task"), [("b", "b"), ("all", None), ("allan", "allan")])
def test_arguments(text: str, task: str | None) -> None:
    arguments = parse_session("await", text)
    assert (arguments.task and arguments.task.name, arguments.pool) == (task, None)


def test_other_arguments_are_refused() -> None:
    assert code_of(lambda: parse_session("await", "")) in (Code.G201, Code.G202)
    parses_or_refuses(lambda text: parse_session("await", text))


def test_it_belongs_to_steps() -> None:
    assert codes(with_tasks(a=["SELECT 1", "await: a"])) == ["R030"]


def test_it_never_blocks() -> None:
    assert codes(with_steps("a: SELECT 1 => blocks", "await: a => blocks")) == ["R015"]


def test_an_awaited_task_exists() -> None:
    diagnostic = only(with_steps("writer: SELECT 1", "await: writr"))
    assert (diagnostic.code.name, pointed(diagnostic), diagnostic.help) == ("N010", "writr", "did you mean `writer`?")
