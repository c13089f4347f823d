"""Where a list of steps stands, and so what its steps may be."""

from __future__ import annotations

from simdsl.plan.dataclasses import dataclass
from simdsl.plan.ir import VERBS


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A list of steps. ``owner`` is the task of ``tasks:`` or the section's name, and None in ``steps:``.

    The section of an action is ``workload``.
    """

    section: str
    owner: str | None

    @property
    def verbs(self) -> tuple[str, ...]:
        """The verbs that may stand in such a list."""
        if self.section in ("setup", "finally"):
            return ("for", "check")
        if self.section == "invariants":
            return ()
        return tuple(verb for verb in VERBS if verb != "await") if self.is_of_tasks else VERBS

    @property
    def task(self) -> str | None:
        """Whose a check, a sleep or a fault is."""
        return self.owner if self.is_of_tasks else None

    @property
    def is_of_tasks(self) -> bool:
        """Whether its steps are one task's, among others that a schedule chooses from."""
        return self.section in ("tasks", "workload")
