"""The SQL that a backend is sent for each statement of a plan, beside the statement as the plan has it."""

from __future__ import annotations

from collections.abc import Iterator

from simdsl.backends.protocol import Backend
from simdsl.cli.listeners import RunListener
from simdsl.cli.selection import SelectedPlan
from simdsl.plan.plan import Plan
from simdsl.plan.source import Path
from simdsl.runner.lowering import Skipped, lower


class ShowSql(RunListener):
    """``--show-sql``: before a plan runs, notes the statements that are translated for its backends."""

    def plan_selected(self, selected: SelectedPlan) -> None:
        for backend in self.context.backends:
            for line in sql_lines(selected.plan, backend, only_translated=True):
                self.context.note(line)


def sql_lines(plan: Plan, backend: Backend, *, only_translated: bool) -> Iterator[str]:
    """A line that names the backend, then two for each statement, or only for those that are sent in another form."""
    program = lower(plan, backend, plan.params[0] if plan.params else ())
    if isinstance(program, Skipped):
        yield f"{plan.name} is skipped on {backend.name}: {program.reason}"
        return
    found = False
    for code in (program.setup, *program.strands, program.finally_, program.invariants):
        for op in code:
            if op.statement is None or (only_translated and op.statement.text == op.what):
                continue
            if not found:
                yield f"{plan.name} on {backend.name} ({backend.dialect}):"
                found = True
            yield f"  {_place(op.path)} {op.task}: {op.what}"
            bound = f"    -- {', '.join(f'${name}' for name in op.statement.parameters)}" if op.statement.parameters else ""
            yield f"    {op.statement.text}{bound}"
    if not found:
        yield f"{plan.name} on {backend.name} ({backend.dialect}): every statement is sent unchanged"


def _place(path: Path) -> str:
    return ".".join(str(part + 1) if isinstance(part, int) else part for part in path)
