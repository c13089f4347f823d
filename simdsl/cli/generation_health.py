"""What generated plans exercised: counted while they run, noted at the end, and part of the exit code."""

from __future__ import annotations

from dataclasses import replace

from simdsl.cli.listeners import CallContext, RunListener
from simdsl.core.verdicts import AllPlansEnded, Progress
from simdsl.report.health import DEFAULT_FLOOR, HealthCollector, health_lines


class GenerationHealth(RunListener):
    """``--generate`` and ``--property``: the assertions evaluated by each generator's plans, and what never occurred."""

    def __init__(self, context: CallContext) -> None:
        super().__init__(context)
        request = context.request
        floor = DEFAULT_FLOOR if request.min_assertions is None else request.min_assertions
        generators = context.selection.generators
        self._tally = HealthCollector(generators, are_properties=bool(request.properties), floor=floor)

    def tell(self, progress: Progress) -> None:
        if not isinstance(progress, AllPlansEnded):
            self._tally.tell(progress)

    def ending(self, ended: AllPlansEnded) -> AllPlansEnded:
        health = self._tally.end()
        for line in health_lines(health):
            self.context.note(line)
        return replace(ended, health=health)
