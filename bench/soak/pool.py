"""Worker processes of our own: one that dies or never answers is a finding about its unit, and another takes its place."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeAlias

from bench.soak.parts import Unit
from bench.soak.source import ROOT

COMMAND: Final = (sys.executable, "-m", "bench.soak.worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Did:
    """What a worker answered: the fields of ``Counts``."""

    unit: Unit
    counts: dict[str, Any]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Died:
    """The worker ended, or had to be ended, at this seed of the unit."""

    unit: Unit
    seed: int
    how: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The unit could not begin, or what surrounds the plans failed; this is no result."""

    unit: Unit
    why: str


Answer: TypeAlias = Did | Died | Refused


class Workers:
    """Up to ``jobs`` processes, each with one unit at a time. They are out of reach of the terminal's Ctrl-C."""

    def __init__(self, jobs: int, *, limit: float, command: Sequence[str] = COMMAND) -> None:
        """``limit`` is how many seconds a seed may take before its worker counts as hanging."""
        self._command = command
        self._limit = limit
        self._free = jobs
        self._idle: list[_Worker] = []
        self._busy: list[_Worker] = []

    @property
    def busy(self) -> int:
        """How many units are under way."""
        return len(self._busy)

    @property
    def is_full(self) -> bool:
        """Whether nobody could take another unit."""
        return not self._idle and not self._free

    def give(self, unit: Unit) -> None:
        """Have somebody do a unit."""
        if self._idle:
            worker = self._idle.pop()
        else:
            self._free -= 1
            worker = _Worker(self._command)
        worker.give(unit)
        self._busy.append(worker)

    def answers(self, wait: float) -> Iterator[Answer]:
        """What came within so many seconds, perhaps nothing."""
        with selectors.DefaultSelector() as selector:
            for worker in self._busy:
                selector.register(worker.out, selectors.EVENT_READ, worker)
            ready = [key.data for key, _ in selector.select(wait)]
        for worker in list(self._busy):
            answer = worker.answer() if worker in ready else None
            if answer is None and worker.seconds > self._limit:
                answer = worker.died(f"no answer within {self._limit:g} s")
            if answer is None:
                continue
            self._busy.remove(worker)
            if isinstance(answer, Died):
                self._free += 1
            else:
                self._idle.append(worker)
            yield answer

    def close(self) -> None:
        """End everybody; who has a unit is killed with it."""
        for worker in self._idle:
            worker.end()
        for worker in self._busy:
            worker.kill()
        self._idle, self._busy = [], []


class _Worker:
    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        assert self._process.stdout is not None
        self.out = self._process.stdout
        self._unit = Unit(part="", subject="", first=0, last=0)
        self._seed = 0
        self._began = self._since = 0.0
        self._text = b""

    @property
    def seconds(self) -> float:
        """Since it said anything."""
        return time.monotonic() - self._since

    def give(self, unit: Unit) -> None:
        self._unit, self._seed = unit, unit.first
        self._began = self._since = time.monotonic()
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{json.dumps(asdict(unit))}\n".encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            return  # it is dead, and its output ends: `answer` tells how

    def answer(self) -> Answer | None:
        """What it has said; None if it only went on."""
        said = os.read(self.out.fileno(), 1 << 16)
        if not said:
            self._process.wait()
            return self.died(_how(self._process.returncode))
        self._since = time.monotonic()
        *lines, self._text = (self._text + said).split(b"\n")
        for told in map(json.loads, lines):
            if "error" in told:
                return Refused(unit=self._unit, why=told["error"])
            if "counts" in told:
                return Did(unit=self._unit, counts=told["counts"], seconds=told["seconds"])
            self._seed = told["at"]
        return None

    def died(self, how: str) -> Died:
        """It is of no use any more."""
        self.kill()
        return Died(unit=self._unit, seed=self._seed, how=how, seconds=round(time.monotonic() - self._began, 3))

    def end(self) -> None:
        """It has nothing to do, and ends by itself: its servers end with it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
        self.out.close()

    def kill(self) -> None:
        """It and what it started."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # what was left for it goes nowhere
            self._process.stdin.close()
        self.out.close()


def _how(code: int) -> str:
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return f"exit code {code}"
