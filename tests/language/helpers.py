"""Short questions to the loader, for tests."""

from __future__ import annotations

from collections.abc import Sequence

from simdsl.language.load import check_text, load_text
from simdsl.plan.diagnostics import Diagnostic
from simdsl.plan.plan import Plan
from simdsl.plan.steps import SqlStep, Step

HEAD = "simdsl: 1\nplan: asked\n"


def with_steps(*steps: str, head: str = "") -> str:
    """A plan whose steps are these texts, which may have several lines."""
    return with_section("steps", *steps, head=head)


def with_section(section: str, *steps: str, head: str = "") -> str:
    """A plan with a section of steps; what is in the head stands before it."""
    return f"{HEAD}{head}{section}:\n" + "".join(_item(step, "  ") for step in steps)


def with_tasks(schedule: str = "all", head: str = "", **tasks: Sequence[str]) -> str:
    """A plan with tasks and a schedule."""
    lists = "".join(f"  {name}:\n" + "".join(_item(step, "    ") for step in steps) for name, steps in tasks.items())
    return f"{HEAD}{head}tasks:\n{lists}schedule: {schedule}\n"


def found(text: str) -> list[Diagnostic]:
    """Everything that is wrong with a text, in its order."""
    return list(check_text(text).diagnostics)


def codes(text: str) -> list[str]:
    """The codes of everything that is wrong with a text, save that nothing in it is judged."""
    return [diagnostic.code.name for diagnostic in found(text) if diagnostic.code.name != "W002"]


def only(text: str) -> Diagnostic:
    """The one thing that is wrong with a text."""
    (diagnostic,) = [diagnostic for diagnostic in found(text) if diagnostic.code.name != "W002"]
    return diagnostic


def pointed(diagnostic: Diagnostic) -> str:
    """What the caret of a diagnostic stands under."""
    span = diagnostic.span
    assert span is not None
    return diagnostic.line[span.column - 1 : span.column - 1 + span.length]


def plan(text: str) -> Plan:
    """The plan that a text says."""
    return load_text(text)


def steps_of(text: str) -> tuple[Step, ...]:
    """The steps of a plan."""
    found_steps = load_text(text).steps
    assert found_steps is not None
    return found_steps


def sql_steps(text: str) -> list[SqlStep]:
    """The steps of a plan that are SQL."""
    return [step for step in steps_of(text) if isinstance(step, SqlStep)]


def _item(step: str, indent: str) -> str:
    first, *rest = step.split("\n")
    return f"{indent}- {first}\n" + "".join(f"{indent}  {line}\n" for line in rest)
