"""A cluster on this machine: a scheduler and workers, each a process that was started as people start it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from zlib import crc32

from distributed import Client, Scheduler

from simdsl.backends.protocol import Backend, Session, Statement
from simdsl.backends.wrappers import WrappedBackend, WrappedSession
from simdsl.plan.outcomes import Outcome
from simdsl.plan.sql import SqlKind
from simdsl.plan.values import Value
from tests.campaign import planted

T = TypeVar("T")

HERE = Path(__file__).parents[2]


def guarded(fault: str, password: str) -> Backend:
    """A backend with a fault, whose URL has a password."""
    assert password
    return planted.make(fault, "20")


def harmed(harm: str, mark: str) -> Backend:
    """A backend with wrong answers, and with a plan that does harm once, if the file ``mark`` is not there.

    It makes the file, with the number of its process.

    ``worker``: it kills the worker of the cluster. ``hang``: it hangs.
    """
    return WrappedBackend(planted.make("wrong", "20"), "sqlite", lambda inner: _Harmed(inner, harm, Path(mark)))


class _Harmed(WrappedSession):
    def __init__(self, inner: Session, harm: str, mark: Path) -> None:
        super().__init__(inner)
        self._harm = harm
        self._mark = mark

    def start(self, statement: Statement, arguments: Sequence[Value]) -> Outcome | None:
        if statement.kind is SqlKind.DML and not crc32(statement.text.encode()) % 200 and not self._mark.exists():
            self._mark.write_text(str(os.getpid()), encoding="utf-8")
            if self._harm == "worker":
                os.kill(_parent(_parent(os.getppid())), signal.SIGKILL)  # of the process beside it, of the server of forks
            threading.Event().wait()
        return super().start(statement, arguments)


def _parent(pid: int) -> int:
    return int(subprocess.run(["ps", "-o", "ppid=", "-p", str(pid)], capture_output=True, check=True).stdout)


class Member:
    """One process of a cluster, whose files are in ``home``. ``log`` is what it has said so far."""

    def __init__(self, home: Path, *command: str, environment: Mapping[str, str]) -> None:
        self.log: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dask", *command, "--dashboard-address", "127.0.0.1:0", "--host", "127.0.0.1"],
            stderr=subprocess.PIPE,
            text=True,
            cwd=HERE,
            env={**os.environ, "DASK_TEMPORARY_DIRECTORY": str(home), **environment},
        )
        self._reader: threading.Thread | None = None

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def said(self, pattern: str) -> str:
        """The group of a pattern in a line that it says, now or later."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.log.append(line)
            if found := re.search(pattern, line):
                self._reader = threading.Thread(target=self.log.extend, args=(self._process.stderr,))
                self._reader.start()
                return found[1]
        raise AssertionError("".join(self.log))

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Send it a signal, and wait until it is gone. Idempotent."""
        self._process.send_signal(how)
        self._process.wait(60)
        if self._reader is not None:
            self._reader.join()
        assert self._process.stderr is not None
        self._process.stderr.close()


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A scheduler at ``address``, and the workers that were there from the beginning."""

    address: str
    scheduler: Member
    workers: list[Member]

    def tried(self, question: Callable[[Client], T]) -> T:
        """What somebody hears who comes by."""
        with Client(self.address, set_as_default=False) as client:
            return question(client)

    def addresses(self) -> list[str]:
        """Of its workers."""
        return sorted(self.tried(lambda client: client.nthreads()))

    def tasks(self) -> list[str]:
        """What its scheduler knows of."""
        return self.tried(lambda client: client.run_on_scheduler(_tasks))

    def processes(self) -> list[int]:
        """Beside its workers."""
        pids = self.tried(lambda client: client.run(os.getpid)).values()
        command = ["pgrep", "-P", ",".join(map(str, pids)), "-f", "simdsl.campaign.cluster_host"]
        return [int(pid) for pid in subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()]

    def log(self) -> str:
        """What everybody has said so far."""
        return "".join(line for member in (self.scheduler, *self.workers) for line in member.log)


def _tasks(dask_scheduler: Scheduler) -> list[str]:
    return sorted(map(str, dask_scheduler.tasks))


@contextmanager
def cluster(home: Path, *workers: Sequence[str], **settings: str) -> Iterator[Cluster]:
    """A scheduler with these settings, and a worker for each of these lists of options."""
    environment = {f"DASK_DISTRIBUTED__SCHEDULER__{name.upper()}": value for name, value in settings.items()}
    scheduler = Member(home, "scheduler", "--port", "0", environment=environment)
    with ExitStack() as stack:
        stack.callback(scheduler.end)
        address = scheduler.said(r"Scheduler at: +(\S+)")
        yield Cluster(address=address, scheduler=scheduler, workers=stack.enter_context(hired(address, home, *workers)))


@contextmanager
def hired(address: str, home: Path, *workers: Sequence[str], **environment: str) -> Iterator[list[Member]]:
    """More workers, each of which does one job at a time."""
    with ExitStack() as stack:
        members: list[Member] = []
        for options in workers:
            members.append(Member(home, "worker", address, "--nthreads", "1", *options, environment=environment))
            stack.callback(members[-1].end)
        for member in members:
            member.said(r"Registered to: +(\S+)")
        yield members


def seeds_of(journal: Path) -> list[int]:
    """The seeds of a journal, each as often as it is there."""
    parts = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()[1:]]
    return sorted(seed for part in parts for seed in range(part["first"], part["last"] + 1))
