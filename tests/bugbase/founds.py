"""Bugs to store: made by real runs, and by a child process that may be killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from simdsl.backends.registry import resolve
from simdsl.bugbase.entry import BugConfig, RecordedBackend, RunMode
from simdsl.bugbase.store import BugStore, FoundBug
from simdsl.core.verdicts import PlanEnded
from simdsl.failures import FailureIdentity, primary_failure
from simdsl.language.load import load_text
from simdsl.rewriting.pin import pin_run
from simdsl.runs.context import RunOptions
from simdsl.runs.single import run_plan

ROOT: Final = Path(__file__).resolve().parents[2]
THEN: Final = "2025-01-31T10:00:00Z"
LATER: Final = "2025-02-01T10:00:00Z"


def found(text: str = "SELECT 1 => 2", *, url: str = "sqlite") -> FoundBug:
    """The bug that a plan of one step shows, or a whole plan."""
    steps = text if text.startswith("simdsl:") else f"simdsl: 1\nplan: one\nsteps:\n  - a: {text}\n"
    plan = load_text(steps)
    ended = [one for one in run_plan(plan, "one.yaml", resolve(url), RunOptions(seed=7)) if isinstance(one, PlanEnded)]
    report = ended[0].failed
    assert report is not None
    failure = primary_failure(report)
    party = RecordedBackend(url=url, driver="d", driver_version="1", engine="e", engine_version="2", pool="p")
    return FoundBug(
        bug=FailureIdentity.of(failure),
        plan=pin_run(plan, report, 7),
        config=BugConfig(simdsl="0", how=RunMode.ONCE, seed=7, file="one.yaml", backends=(party,)),
        failure={"message": failure.message, "expected": list(failure.expected), "got": list(failure.got)},
        trace=b"{}\n",
    )


def start(directory: Path, first: int, last: int, *, kill_at: str = "") -> subprocess.Popen[bytes]:
    """A process that stores the bugs of these numbers. It is killed when it opens or renames a file that is called so."""
    command = [sys.executable, "-m", "tests.bugbase.founds", str(directory), str(first), str(last), kill_at]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})


def _main(directory: str, first: str, last: str, kill_at: str) -> None:
    def killed(event: str, arguments: tuple[Any, ...]) -> None:
        place = f"{event} {arguments[0] if arguments else ''}"
        if event in ("open", "os.rename") and kill_at in place:
            os.kill(os.getpid(), signal.SIGKILL)

    bugs = [found(f"SELECT 1 => {number + 2}") for number in range(int(first), int(last))]
    if kill_at:
        sys.addaudithook(killed)
    for bug in bugs:
        BugStore(directory).add(bug, THEN)


if __name__ == "__main__":
    _main(*sys.argv[1:])
