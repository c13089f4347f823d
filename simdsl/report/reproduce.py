"""The one line that shows a failure again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from simdsl.core.verdicts import RunReport
from simdsl.plan.ir import Plan


def command(target: str | Sequence[str], plan: Plan, report: RunReport, *, backend_urls: Sequence[str], seed: int) -> str:
    """The command that runs this one run again: its file, backend, seed, entry of params and schedule.

    ``target`` is the file as the call named it, with its ``:LINE``, or the words that stand in its place; secrets in the
    URLs are masked by then. Backends behind the first one are those that it is compared with.
    """
    words = ["simdsl", "run", *([target] if isinstance(target, str) else target), "--backend", backend_urls[0]]
    for url in backend_urls[1:]:
        words += ["--differential", url]
    words += ["--seed", str(seed if report.seed is None else report.seed)]
    entry = entry_of(plan, report)
    if entry is not None and len(plan.params) > 1:
        words += ["--params", str(entry)]
    if report.choices:
        words += ["--schedule", choice_list(report.choices)]
    return shlex.join(words)


def choice_list(choices: tuple[int, ...]) -> str:
    """A schedule as the plan language writes it: ``1-1-2``."""
    return "-".join(map(str, choices))


def entry_of(plan: Plan, report: RunReport) -> int | None:
    """Which entry of ``params:`` a run had, counted from 1."""
    return plan.params.index(report.params) + 1 if report.params in plan.params else None
