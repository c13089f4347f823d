"""Where a list of steps stands, and so what its steps may be."""

from __future__ import annotations

from dataclasses import dataclass

from simdsl.plan.ir import VERBS


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A list of steps. ``owner`` is the task of ``tasks:`` or the section's name, and None in ``steps:``."""

    section: str
    owner: str | None

    @property
    def verbs(self) -> tuple[str, ...]:
        """The verbs that may stand in such a list."""
        if self.section in ("setup", "finally"):
            return ("for", "check")
        if self.section == "invariants":
            return ()
        return tuple(verb for verb in VERBS if verb != "await") if self.section == "tasks" else VERBS

    @property
    def task(self) -> str | None:
        """Whose a check, a sleep or a fault is."""
        return self.owner if self.section == "tasks" else None
