"""``--dump-plan-on-failure`` and ``--unroll``: a run as a plan of its own."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import assert_never

from simdsl.backends.urls import mask
from simdsl.cli.errors import usage
from simdsl.core.verdicts import AllPlansEnded, PlanEnded, PlanStarted, Progress, RunEnded, RunReport
from simdsl.language.dump import dump, dump_json
from simdsl.plan.codes import Code
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.plan import Plan
from simdsl.rewriting.pin import pin_run
from simdsl.rewriting.unroll import unroll_run


@dataclass(slots=True, kw_only=True)
class PlanDump:
    """Writes one run of a plan to a file, and those of further plans beside it with a number.

    ``steps`` False writes the pin of a run that failed; True writes the run that failed, or else the first one, as one
    order of ``steps:``.
    """

    path: str
    backend_urls: Sequence[str]  # the first one, and those that it is compared with
    note: Callable[[str], None]
    steps: bool
    _first: RunReport | None = None
    _written: list[str] = field(default_factory=list)

    def tell(self, progress: Progress) -> None:
        """Write when a plan has ended."""
        match progress:
            case PlanStarted():
                self._first = None
            case RunEnded(report=report):
                self._first = self._first or report
            case PlanEnded(failed=failed, plan=plan, seed=seed):
                shown = failed or self._first
                if self.steps and shown is not None:
                    self._write(unroll_run(plan, shown), "as steps")
                elif not self.steps and failed is not None:
                    self._write(pin_run(plan, failed, seed), "replay")
            case AllPlansEnded():
                pass
            case _:
                assert_never(progress)

    def _write(self, plan: Plan, what: str) -> None:
        path = self._next()
        text = dump_json(plan) if path.endswith(".json") else dump(plan)
        try:
            with open(path, "w", encoding="utf-8", newline="") as out:
                out.write(text)
        except OSError as error:
            raise usage(Code.U009, f"cannot be written: {error.strerror}", about=path) from None
        self._written.append(path)
        first, *others = map(mask, self.backend_urls)
        words = ["simdsl", "run", path, "--backend", first]
        for url in others:
            words += ["--differential", url]
        self.note(f"{what}: {shlex.join(words)}")

    def _next(self) -> str:
        if not self._written:
            return self.path
        stem, suffix = os.path.splitext(self.path)
        return f"{stem}-{len(self._written) + 1}{suffix}"
