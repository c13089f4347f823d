"""Making plans: one task after the other, every choice a function of the seed, the property and the place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from simdsl.core.choices import choose_below
from simdsl.language.load import load_text
from simdsl.plan.plan import Plan
from simdsl.properties.property import PlanSize

StepText: TypeAlias = str | dict[str, Any]
"""A step of `tasks:` as a file says it."""


OR_CONFLICT: Final = " or error busy or error snapshot_conflict"
"""What may come of a write while somebody else writes, where engines have one lock for everything."""


CONFLICTS: Final = "busy or snapshot_conflict or serialization_failure or deadlock_detected or lock_not_available"
"""What may come of a transaction because of others, so that it is worth trying again."""


CONTENDED_KEY: Final = 1
"""The key of the row that everybody wants."""


class PlanBuilder:
    """A plan in the making. The table `t` is what it is about; `noise` is where everything else happens."""

    def __init__(self, name: str, doc: str, seed: int, size: PlanSize) -> None:
        self.name = name
        self.seed = seed
        self.size = size
        self._doc = doc
        self._last = 0  # every value that is written is another one, and so names the step that wrote it
        self._key = 10
        self._places = 0

    def pick(self, below: int, *place: int | str) -> int:
        """A number from 0 up to, not including, ``below``."""
        return choose_below(below, self.seed, self.name, *place)

    def value(self) -> int:
        """A value that nobody else writes."""
        self._last += 1
        return self._last + 100

    def key(self) -> int:
        """A key that nobody else has."""
        self._key += 1
        return self._key

    def extras(self, *, in_transaction: bool = False) -> list[StepText]:
        """Random steps that cannot break any claim: reads, and outside of transactions writes to the other table."""
        self._places += 1
        steps: list[StepText] = []
        for i in range(self.pick(self.size.extras + 1, "extras", self._places)):
            kind = self.pick(2 if in_transaction else 4, "extra", self._places, i)
            row = 1 + self.pick(3, "row", self._places, i)
            if kind == 0:
                steps.append("SELECT count(*) FROM noise => 1 row or error busy")
            elif kind == 1:
                steps.append(f"SELECT id, v FROM noise WHERE id = {row} => 1 row or error busy")
            else:
                steps.append(f"UPDATE noise SET v = {self.value()} WHERE id = {row} => 1 affected{OR_CONFLICT}")
        return steps

    def write(self, *place: int | str) -> list[StepText]:
        """One to three writes: new rows first, then the row that everybody wants, so that no two tasks lock crosswise."""
        steps: list[StepText] = []
        for i in range(self.pick(2, "new", *place) + 1):
            if self.pick(4, "many", *place, i):
                steps.append(f"INSERT INTO t VALUES ({self.key()}, {self.value()}) => 1 affected{OR_CONFLICT}")
            else:
                rows = ", ".join(f"({self.key()}, {self.value()})" for _ in range(2))
                steps.append(f"INSERT INTO t VALUES {rows} => 2 affected{OR_CONFLICT}")
        if self.pick(3, "hot", *place):
            steps.append(f"UPDATE t SET v = {self.value()} WHERE id = {CONTENDED_KEY} => 1 affected{OR_CONFLICT}")
        return steps

    def until_done(self, steps: list[StepText], *place: int | str) -> StepText:
        """The steps, as often as it takes while others are in the way: as many attempts as all others have steps."""
        attempts = 12 * (self.size.writers + 1) * self.size.rounds
        return {"retry": f"{attempts} times on {CONFLICTS} every {1 + self.pick(5, 'every', *place)}ms", "do": steps}

    def reader(self) -> list[StepText]:
        """A task that looks at the table again and again, in no transaction."""
        steps: list[StepText] = [{"checkout": "from main"}]
        for _ in range(self.size.rounds + 1):
            steps += [READ_ALL, *self.extras()]
        return [*steps, {"return": "reader"}]

    def finish(self, tasks: dict[str, list[StepText]], *, pool: int | None, **more: Any) -> Plan:
        """The whole plan, as a file would say it. ``pool`` is the size of the pool `main`; ``more`` are keys of the plan."""
        setup: Sequence[StepText] = more.pop("setup", KEYED_TABLES)
        last: Sequence[StepText] = more.pop("last", ())
        data: dict[str, Any] = {"simdsl": 1, "plan": self.name, "doc": self._doc, "tags": ["property"]}
        if pool is not None:
            data["pools"] = {"main": {"size": pool, "timeout": more.pop("timeout", "10s")}}
        data |= {"setup": list(setup), "tasks": tasks, "schedule": {"seed": self.seed, "runs": self.size.runs}, **more}
        data["finally"] = [*last, *([READ_ALL] if setup is KEYED_TABLES else ())]
        data |= {"properties": [self.name], "seed": self.seed}
        return load_text(json.dumps(data), f"{self.name}.json")


READ_ALL: Final = "SELECT id, v FROM t ORDER BY id => ok or error busy"
"""A query of everything. Where one lock is for everything, a COMMIT that waits for readers keeps new ones out."""


KEYED_TABLES: Final = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)",
    "INSERT INTO t VALUES (1, 1), (2, 2), (3, 3) => 3 affected",
    "CREATE TABLE noise (id INTEGER PRIMARY KEY, v INTEGER)",
    "INSERT INTO noise VALUES (1, 1), (2, 2), (3, 3) => 3 affected",
)
