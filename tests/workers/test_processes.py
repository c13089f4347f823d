"""What is said of the end of a process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from simdsl.workers.processes import ProcessExit, forkserver_context


def leaves() -> None:
    os._exit(3)


def aborts() -> None:
    os.abort()


def returns() -> None:
    pass


@pytest.mark.parametrize(
    ("target", "ending"),
    [
        (leaves, ProcessExit("exit 3", "ended with code 3")),
        (aborts, ProcessExit("SIGABRT", "ended by SIGABRT")),
        (returns, ProcessExit("exit 0", "ended with code 0")),
    ],
)
def test_a_process_is_started_and_its_end_is_told(target: Callable[[], None], ending: ProcessExit) -> None:
    process = forkserver_context(["simdsl"]).Process(target=target)  # type: ignore[attr-defined]
    process.start()
    process.join()
    assert ProcessExit.of(process.exitcode) == ending


def test_a_signal_without_a_name_and_a_process_that_hung() -> None:
    nameless = next(number for number in range(1, 200) if number not in {one.value for one in signal.Signals})
    assert ProcessExit.of(-nameless).word == f"signal {nameless}"
    assert ProcessExit.hung(2_500_000) == ProcessExit("timeout", "did nothing for 2.5 s and was killed")
