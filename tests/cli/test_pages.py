"""The pages about usage, backends and simdsl itself: each example triggers its code, and what stands instead does not."""

from __future__ import annotations

import re
import shlex

import pytest

from simdsl.bugbase.store import ProcessLock
from simdsl.cli.init import FIRST
from simdsl.plan.codes import Code
from simdsl.plan.codes import page as page_of
from tests.cli.conftest import Shell
from tests.cli.test_run import RAISING

CODES = [code.name for code in Code if code.name[0] in "UBDKX"]
CODES += [code.name for code in Code if code.name[0] == "P" and "```console" in page_of(code)]


@pytest.mark.parametrize("code", CODES)
def test_the_example_triggers_the_code_and_the_correction_does_not(
    shell: Shell, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.write("plans/first.yaml", FIRST.format(name="first"))
    shell.write("clock.yaml", "simdsl: 1\nplan: clock\nsteps:\n  - a: SELECT CURRENT_TIMESTAMP => 1 row\n")
    shell.write("my/module.py", RAISING.replace("make = Raising", "backend_that_raises = Raising"))
    shell.write("profiles/round.yaml", "simdsl: 1\nprofile: round\nextends: round\n")
    shell.write("profiles/other.yaml", "simdsl: 1\nprofile: mine\n")
    shell.write(".simdsl/bugs/notes/todo.txt", "no bug\n")
    for name in ("missed_expectation-select-1", "missed_expectation-select-2"):
        (shell.home / ".simdsl/bugs" / name).mkdir()
    monkeypatch.syspath_prepend(str(shell.home))
    page = shell("explain", code).out
    example, instead = re.split(r"^## Instead$", page, flags=re.MULTILINE)
    busy = ProcessLock(shell.home / "busy.jsonl.lock")
    assert busy.acquire(wait=False)
    try:
        assert f"error[{code}]" in _last_error(shell, example)
        assert f"error[{code}]" not in _last_error(shell, instead)
    finally:
        busy.release()


def _last_error(shell: Shell, text: str) -> str:
    """What the last command of the console block says on standard error."""
    (block,) = re.findall(r"^```console\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    said = ""
    for line in block.splitlines():
        words = shlex.split(line.removeprefix("$ "))
        said = shell(*words[words.index("simdsl") + 1 :]).err
    return said
