"""What a backend is sent of a plan: each statement as it goes out, beside how the plan has it."""

from __future__ import annotations

from collections.abc import Iterator

from simdsl.backends.protocol import Backend
from simdsl.plan.plan import Plan
from simdsl.plan.source import Path
from simdsl.runner.lowering import Skipped, lower


def sql_lines(plan: Plan, backend: Backend, *, only_changed: bool) -> Iterator[str]:
    """A line that names the backend, then two for each statement, or only for those that are not sent as they stand."""
    program = lower(plan, backend, plan.params[0] if plan.params else ())
    if isinstance(program, Skipped):
        yield f"{plan.name} is skipped on {backend.name}: {program.reason}"
        return
    told = False
    for code in (program.setup, *program.strands, program.finally_, program.invariants):
        for op in code:
            if op.statement is None or (only_changed and op.statement.text == op.what):
                continue
            if not told:
                yield f"{plan.name} on {backend.name} ({backend.dialect}):"
                told = True
            yield f"  {_place(op.path)} {op.task}: {op.what}"
            bound = f"    -- {', '.join(f'${name}' for name in op.statement.parameters)}" if op.statement.parameters else ""
            yield f"    {op.statement.text}{bound}"
    if not told:
        yield f"{plan.name} on {backend.name} ({backend.dialect}): every statement is sent as it stands"


def _place(path: Path) -> str:
    return ".".join(str(part + 1) if isinstance(part, int) else part for part in path)
