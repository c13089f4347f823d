"""The process in which Turso runs: how it dies, what is left after that, and that it never outlives simdsl."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

import pytest

from simdsl.backends.protocol import Tx
from simdsl.backends.registry import resolve
from simdsl.backends.turso import child
from simdsl.backends.turso.backend import TursoBackend, TursoDatabase
from simdsl.backends.turso.process import EngineDied, EngineLost, EngineProcess
from simdsl.core.clock import Clock
from simdsl.plan.outcomes import ErrorClass, Failed, Rows
from simdsl.plan.plan import PoolSpec, Reset
from simdsl.testing.conformance import lent
from simdsl.testing.engine_kit import SqlClient
from tests.backends.kits.turso import end_process
from tests.backends.test_turso import another, opened

ENDLESS: Final = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
def terminal() -> Iterator[SqlClient]:
    yield from opened("turso")


def test_simdsl_never_imports_the_driver() -> None:
    script = (
        "import sys; from simdsl.backends.registry import resolve; database = resolve('turso').create(); "
        "database.open().close(); database.close(); assert not any(name.split('.')[0] == 'turso' for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_death_is_an_outcome_and_the_others_are_lost(terminal: SqlClient) -> None:
    bystander = another(terminal)
    terminal.ok("INSERT INTO t (id) VALUES (2)", "BEGIN", "INSERT INTO t (id) VALUES (3)")
    before = process_of(terminal)
    end_process(terminal.database)
    assert terminal.say("INSERT INTO t (id) VALUES (4)") == Failed(ErrorClass.DRIVER_PANIC, "its process ended by SIGABRT")
    for session in (terminal, bystander):
        assert session.session.tx() is Tx.LOST
        outcome = session.say("SELECT 1")
        assert isinstance(outcome, Failed)
        assert outcome.error_class is ErrorClass.CONNECTION_LOST
        assert "SIGABRT" in outcome.text
        session.session.quiesce()
        session.session.close()
        assert session.session.tx() is Tx.LOST
    fresh = another(terminal)
    assert fresh.rows("SELECT id FROM t ORDER BY id") == [(1,), (2,)]
    assert process_of(terminal) != before


@pytest.mark.skipif(version("pyturso") != "0.8.3", reason="another version may have mended what panics here")
def test_panic_of_the_engine_itself(terminal: SqlClient, capfd: pytest.CaptureFixture[str]) -> None:
    bystander = another(terminal)
    terminal.ok("INSERT INTO t (id) VALUES (2)")
    assert terminal.say("SELECT json_group_object('a', stddev(1))") == Failed(
        ErrorClass.DRIVER_PANIC,
        "panicked at core/vdbe/execute.rs:11497:18: internal error: entered unreachable code: "
        "aggregate called in scalar context",
    )
    assert bystander.error("SELECT 1") is ErrorClass.CONNECTION_LOST
    assert another(terminal).rows("SELECT id FROM t ORDER BY id") == [(1,), (2,)]
    assert capfd.readouterr() == ("", "")


def test_end_state_after_death_is_what_was_committed(terminal: SqlClient) -> None:
    terminal.ok("INSERT INTO t (id) VALUES (2)", "BEGIN", "DELETE FROM t")
    end_process(terminal.database)
    terminal.say("COMMIT")
    assert terminal.database.end_state()["t"] == Rows(3, [(1, 1, ""), (2, None, "")])


@pytest.mark.parametrize("url", ["turso", "turso?journal_mode=mvcc"])
def test_restore_after_death(url: str) -> None:
    for terminal in opened(url):
        terminal.session.close()
        terminal.database.snapshot()
        before = terminal.database.end_state()
        for _ in range(2):
            one = another(terminal)
            assert one.session.id == 1
            one.ok("DELETE FROM t", "DROP TABLE child")
            end_process(terminal.database)
            one.say("SELECT 1")
            terminal.database.restore()
            assert terminal.database.end_state() == before


def test_reset_meets_the_death_and_then_a_new_process(terminal: SqlClient) -> None:
    end_process(terminal.database)
    failure = terminal.database.reset(Reset(tables=("t",)))
    assert failure is not None
    assert failure.error_class is ErrorClass.DRIVER_PANIC
    assert terminal.database.reset(Reset(tables=("t",))) is None
    assert terminal.database.end_state()["t"] == Rows(3, [])


def test_world_closes_after_death() -> None:
    for url in ("turso", "turso?journal_mode=mvcc"):
        database = resolve(url).create()
        session = database.open()
        end_process(database)
        session.close()
        database.close()
        database.close()


def test_pool_finds_its_connections_dead_and_makes_new_ones(terminal: SqlClient) -> None:
    pool = terminal.database.pool(PoolSpec(name="main", size=1), Clock())
    lease = lent(pool.request("a"))
    end_process(terminal.database)
    holder = SqlClient(terminal.backend, terminal.database, lease.session)
    assert holder.error("SELECT 1") is ErrorClass.DRIVER_PANIC
    # The pool's reset fails, so it throws the connection away.
    assert pool.release(lease) is None
    again = lent(pool.request("b"))
    assert again.session is not lease.session
    assert SqlClient(terminal.backend, terminal.database, again.session).rows("SELECT id FROM t") == [(1,)]


def test_statement_that_hangs_is_ended() -> None:
    database = TursoBackend(limit_us=300_000).create()
    terminal = SqlClient(TursoBackend(), database)
    process = process_of(terminal)
    outcome = terminal.say(ENDLESS)
    assert outcome == Failed(ErrorClass.DRIVER_PANIC, "no answer within 0.3 s, so its process was killed")
    assert not lives(process)
    assert another(terminal).rows("SELECT 1") == [(1,)]
    database.close()


def test_nothing_is_printed_for_a_panic(terminal: SqlClient, capfd: pytest.CaptureFixture[str]) -> None:
    end_process(terminal.database)
    terminal.error("SELECT 1")
    assert capfd.readouterr() == ("", "")


PARENT: Final = """
import signal, sys
from simdsl.backends.registry import resolve
from simdsl.testing.engine_kit import SqlClient

backend = resolve("turso")
database = backend.create()
terminal = SqlClient(backend, database)
if sys.argv[1] == "busy":
    signal.signal(signal.SIGALRM, lambda *_: print(database.process_id, flush=True))
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    terminal.say({endless!r})
print(database.process_id, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux tells of the end of another's child")
@pytest.mark.parametrize("what", ["idle", "busy"])
def test_process_ends_with_a_simdsl_that_was_killed(what: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT.format(endless=ENDLESS), what],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as parent:
        assert parent.stdout is not None
        descriptor = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    try:
        assert select.select([descriptor], [], [], 10)[0] == [descriptor]
    finally:
        os.close(descriptor)


def test_interrupted_question_ends_the_process(terminal: SqlClient) -> None:
    process = EngineProcess()

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        process.ask(child.OPEN, 1, ":memory:")
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            process.ask(child.EXECUTE, 1, ENDLESS, (), False)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert process.reason == "interrupted"
    with pytest.raises(EngineLost):
        process.ask(child.EXECUTE, 1, "SELECT 1", (), False)
    process.close()


def test_failure_of_the_child_itself_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "turso").mkdir()
    (tmp_path / "turso" / "__init__.py").write_text("raise ImportError('no such engine')")
    monkeypatch.syspath_prepend(str(tmp_path))
    process = EngineProcess()
    with pytest.raises(EngineDied, match="ImportError: no such engine"):
        process.ask(child.OPEN, 1, ":memory:")
    process.close()


PANICKY: Final = """
import os, sys

class Panic(BaseException):
    pass

Panic.__name__ = "PanicException"

class Connection:
    in_transaction = False
    def execute(self, text, arguments):
        if text == "raise":
            raise Panic("called `Option::unwrap()` on a `None` value")
        sys.stderr.write("\\nthread '<unnamed>' panicked at core/btree.rs:12:9:\\nassertion failed\\nnote: run with\\n")
        sys.stderr.flush()
        os.abort()
    def close(self):
        pass

def connect(path, isolation_level):
    return Connection()
"""


def test_panics_with_and_without_abort_are_told_on_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A driver that panics when it is asked to: a stand-in for an engine whose own bugs come and go.
    (tmp_path / "turso").mkdir()
    (tmp_path / "turso" / "__init__.py").write_text(PANICKY)
    monkeypatch.syspath_prepend(str(tmp_path))
    process = EngineProcess()
    process.ask(child.OPEN, 1, "x")
    assert process.ask(child.EXECUTE, 1, "raise", (), False) == (
        False,
        "PanicException",
        "called `Option::unwrap()` on a `None` value",
        False,
    )
    with pytest.raises(EngineDied, match=r"^panicked at core/btree.rs:12:9: assertion failed$"):
        process.ask(child.EXECUTE, 1, "abort", (), False)
    process.close()


def process_of(terminal: SqlClient) -> int:
    assert isinstance(terminal.database, TursoDatabase)
    return terminal.database.process_id


def lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
