"""The bundled plans, as data for the tests of this package.

``python -m tests.plans.bundled`` prints the digest of every run of every plan: what two processes are compared by.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from simdsl.language.load import check_file
from simdsl.plan import resources
from simdsl.plan.ir import Plan
from tests.running import Ran, run_loaded

ROOT: Final = Path(resources.path("plans"))
FILES: Final = tuple(sorted(ROOT.glob("**/*.yaml")))
NAMES: Final = tuple(file.relative_to(ROOT).with_suffix("").as_posix() for file in FILES)

SKIPPED: Final = {
    "errors/lost-connection": "step steps.3: sqlite cannot do `fault: disconnect a`",
    "locks/lock-order": "it is meant for postgres, mssql",
    "locks/skip-locked": "it is meant for postgres",
    "locks/two-row-deadlock": "it is meant for postgres, mssql",
    "tx/concurrent-writers": "step steps.1: SQLite has no BEGIN CONCURRENT",
}
"""The plans that SQLite cannot run, and the reason that each of them is skipped with."""


@cache  # a plan is frozen, and every test of this package wants all of them
def plan_of(name: str) -> Plan:
    """A bundled plan by its place, such as ``tx/write-skew``. It must load without a warning."""
    checked = check_file(str(ROOT / f"{name}.yaml"))
    assert not checked.diagnostics, [str(diagnostic) for diagnostic in checked.diagnostics]
    assert checked.plan is not None
    return checked.plan


@cache  # running is the dear part, and its reports are only read
def ran(name: str) -> Ran:
    """All runs of a bundled plan on a throwaway SQLite."""
    return run_loaded(plan_of(name))


def digests() -> Iterator[str]:
    """A line for every run of every plan."""
    for name in NAMES:
        for report in ran(name).reports:
            yield f"{name} {report.run} {report.digest}"


if __name__ == "__main__":
    for line in digests():
        print(line)
