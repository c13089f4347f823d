"""The actions of a workload, lowered once, and put together to the strands of each run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from simdsl.core.drawing import acts
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.ir import Workload
from simdsl.runner.program import Code, Instruction, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Deeds:
    """``codes`` holds for each task, in the order of the workload, the instructions of each action by its name."""

    workload: Workload
    codes: tuple[Mapping[str, Code], ...]

    @property
    def everything(self) -> Code:
        """Every instruction that a run may have."""
        return tuple(op for codes in self.codes for code in codes.values() for op in code)

    def strands(self, seed: int) -> tuple[Code, ...]:
        """What each task does in the run with this seed."""
        return tuple(self._strand(index, seed) for index in range(len(self.codes)))

    def _strand(self, index: int, seed: int) -> Code:
        task = self.workload.tasks[index]
        strand: list[Instruction] = []
        for act in acts(self.workload, seed, task):
            if act.values:
                path = ("workload", "actions", act.deed.name)
                strand.append(Instruction(kind=Kind.DRAWN, task=task, path=path, what="with", values=act.values))
            strand += _moved(self.codes[index][act.deed.name], len(strand))
        return tuple(strand)


def _moved(code: Code, by: int) -> Code:
    """The same instructions with the ends of their blocks where they are now. All others stay the same objects."""
    return tuple(op if op.target < 0 else replace(op, target=op.target + by) for op in code)
