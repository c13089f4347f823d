"""Throwaway directories go away whatever happens."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from simdsl.backends.workspace import Workspace, sweep

HOLD = """
import sys
from pathlib import Path
from simdsl.backends.workspace import Workspace
workspace = Workspace(Path(sys.argv[1]))
(workspace.path / "main.db").write_text("x")
print("ready", flush=True)
"""


def test_close_removes_everything(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (workspace.path / "main.db").write_text("x")
    workspace.close()
    workspace.close()
    assert list(tmp_path.iterdir()) == []


def test_collected_workspace_is_removed(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    del workspace
    gc.collect()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", ["pass", "sys.exit(3)", "raise KeyboardInterrupt", "raise ValueError"])
def test_end_of_the_process_removes(tmp_path: Path, end: str) -> None:
    subprocess.run([sys.executable, "-c", HOLD + end, str(tmp_path)], capture_output=True, check=False)
    assert list(tmp_path.iterdir()) == []


def test_killed_process_leaves_it_to_the_next(tmp_path: Path) -> None:
    with _holder(tmp_path) as process:
        sweep(tmp_path)
        (left,) = tmp_path.iterdir()
        assert left.name.startswith(f"simdsl-{process.pid}-")
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert left.exists()
    workspace = Workspace(tmp_path)
    assert not left.exists()
    workspace.close()


def test_lock_protects_where_the_number_lies(tmp_path: Path) -> None:
    # As in another container, where the same directory is shared but processes have other numbers.
    with _holder(tmp_path) as process:
        (directory,) = tmp_path.iterdir()
        renamed = directory.rename(tmp_path / "simdsl-999999999-other")
        sweep(tmp_path)
        assert renamed.exists()
        process.kill()
    sweep(tmp_path)
    assert not renamed.exists()


def test_foreign_files_stay(tmp_path: Path) -> None:
    for name in ("simdsl-notes", "other-999999999-x", "simdsl-999999999"):
        (tmp_path / name).mkdir()
    sweep(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_forked_child_does_not_take_the_directory_away(tmp_path: Path) -> None:
    fork = "import os\nif os.fork() == 0:\n    sys.exit(0)\nos.wait()\nprint(workspace.path.exists(), flush=True)"
    result = subprocess.run([sys.executable, "-c", HOLD + fork, str(tmp_path)], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["ready", "True"]
    assert list(tmp_path.iterdir()) == []


def test_sweep_of_a_missing_directory_does_nothing(tmp_path: Path) -> None:
    sweep(tmp_path / "missing")


def test_owner_is_this_process(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert f"-{os.getpid()}-" in workspace.path.name
    workspace.close()


def _holder(root: Path) -> subprocess.Popen[str]:
    wait = "sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD + wait, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process
