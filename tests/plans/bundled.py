"""The bundled plans, as data for the tests of this package.

``python -m tests.plans.bundled BACKEND ROUNDS`` prints the digest of every run of every plan, so many times each: what
processes are compared by.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from simdsl.backends.protocol import BackendUnavailable
from simdsl.backends.registry import resolve
from simdsl.language.load import check_file
from simdsl.plan import codes
from simdsl.plan.plan import Plan
from tests.running import Ran, run_loaded

ROOT: Final = Path(codes.path("plans"))
FILES: Final = tuple(sorted(ROOT.glob("**/*.yaml")))
NAMES: Final = tuple(file.relative_to(ROOT).with_suffix("").as_posix() for file in FILES)

MVCC: Final = "turso?journal_mode=mvcc"
BACKENDS: Final = ("sqlite", "libsql", "turso", MVCC, "postgres")
"""Those that can run here. SQL Server needs a server of the user's."""

# The step at which a plan asks for what a backend lacks.
_READ_COMMITTED: Final = {
    "locks/lost-update-read-committed": "steps.1",
    "locks/phantom-read-committed": "steps.1",
    "locks/read-skew-read-committed": "steps.1",
    "locks/write-skew-read-committed": "steps.1",
    "schedule/lost-update-at-read-committed": "tasks.a.1",
    "schedule/torn-report": "tasks.clerk.1",
}
_REPEATABLE_READ: Final = (
    "locks/lost-update-repeatable-read",
    "locks/phantom-repeatable-read",
    "locks/read-skew-repeatable-read",
    "locks/write-skew-repeatable-read",
)
_CONCURRENT: Final = "tx/concurrent-writers"
_DISCONNECTED: Final = "errors/lost-connection"


def _lacks(backend: str, engine: str, *, concurrent: bool = False, snapshots: bool = False) -> dict[str, str]:
    """Reasons of an engine that is serializable and nothing else.

    ``snapshots``: at REPEATABLE READ the plans say BEGIN CONCURRENT instead.
    """
    reasons = {
        name: f"step {step}: {engine} has no isolation level READ COMMITTED, only SERIALIZABLE"
        for name, step in _READ_COMMITTED.items()
    }
    lacking = "BEGIN CONCURRENT" if snapshots else "isolation level REPEATABLE READ, only SERIALIZABLE"
    if not concurrent:
        reasons |= dict.fromkeys(_REPEATABLE_READ, f"step steps.1: {engine} has no {lacking}")
        reasons[_CONCURRENT] = f"step steps.1: {engine} has no BEGIN CONCURRENT"
    return reasons | {_DISCONNECTED: _cannot_disconnect(backend)}


def _cannot_disconnect(backend: str) -> str:
    return f"step steps.3: {backend} cannot do `fault: disconnect a`"


LACKING: Final = {
    "sqlite": _lacks("sqlite", "SQLite"),
    "libsql": _lacks("libsql", "libSQL"),
    "turso": _lacks("turso", "Turso without journal_mode=mvcc", snapshots=True),
    MVCC: _lacks("turso", "Turso", concurrent=True),
    "postgres": {
        _CONCURRENT: "step steps.1: PostgreSQL has no BEGIN CONCURRENT",
        _DISCONNECTED: _cannot_disconnect("postgres"),
    },
}
"""The plans that are skipped for what a backend lacks, and the reason that each of them is skipped with."""

RACING: Final = {"postgres": {"locks/deadlock-of-three"}}
"""The plans whose runs carry the race flag, because two sessions wait when one of them is served."""


def why_skipped(name: str, backend: str) -> str | None:
    """The reason that a plan must be skipped with; None if it must run."""
    meant = plan_of(name).backends
    if meant and backend.partition("?")[0] not in meant:
        return f"it is meant for {', '.join(meant)}"
    return LACKING[backend].get(name)


@cache
def problem(backend: str) -> str | None:
    """Why nothing can run on a backend here: its driver is not installed."""
    try:
        resolve(backend)
    except BackendUnavailable as error:
        return str(error)
    return None


@cache  # a plan is frozen, and every test of this package wants all of them
def plan_of(name: str) -> Plan:
    """A bundled plan by its place, such as ``tx/write-skew``. It must load without a warning."""
    checked = check_file(str(ROOT / f"{name}.yaml"))
    assert not checked.diagnostics, [str(diagnostic) for diagnostic in checked.diagnostics]
    assert checked.plan is not None
    return checked.plan


@cache  # running is the dear part, and its reports are only read
def ran(name: str, backend: str = "sqlite") -> Ran:
    """All runs of a bundled plan on a throwaway database."""
    return run_loaded(plan_of(name), backend)


def digests(backend: str) -> Iterator[tuple[str, str]]:
    """(plan and run, digest) of every run of every plan, ``raced`` in place of a digest that need not repeat."""
    for name in NAMES:
        for report in run_loaded(plan_of(name), backend).reports:
            yield f"{name} {report.run}", "raced" if report.raced else report.digest


if __name__ == "__main__":
    for of, digest in digests(sys.argv[1]):
        print(of, digest)
