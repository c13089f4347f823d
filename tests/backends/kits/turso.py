"""Turso: SQLite's schema, its own ways to some errors, and a process that can die."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from simdsl.backends.protocol import Backend, Database
from simdsl.backends.turso.backend import TursoDatabase
from simdsl.plan.outcomes import ErrorClass, Outcome
from simdsl.testing.engine_kit import VALUES, EngineKit, Provocation, SqlClient, after
from tests.backends.kits.sqlite import SCHEMA, SQLITE

_PAGE_BYTES: Final = 4096


def end_process(database: Database, number: signal.Signals = signal.SIGABRT) -> None:
    """End the engine's process, as a panic of its own does."""
    assert isinstance(database, TursoDatabase)
    os.kill(database.process_id, number)


def _panic(backend: Backend, database: Database) -> Outcome:
    terminal = SqlClient(backend, database)
    end_process(database)
    return terminal.say("SELECT 1")


def _lost(backend: Backend, database: Database) -> Outcome:
    terminal, other = SqlClient(backend, database), SqlClient(backend, database)
    end_process(database)
    terminal.say("SELECT 1")
    return other.say("SELECT 1")


def _corrupted(backend: Backend, database: Database) -> Outcome:
    terminal = SqlClient(backend, database)
    ((_, _, name),) = terminal.rows("PRAGMA database_list")
    ((root,),) = terminal.rows("SELECT rootpage FROM sqlite_schema WHERE name = 't'")
    assert isinstance(root, int)
    terminal.ok("PRAGMA wal_checkpoint(TRUNCATE)")
    end_process(database)
    terminal.say("SELECT 1")
    with Path(str(name)).open("r+b") as file:
        file.seek((root - 1) * _PAGE_BYTES)
        file.write(b"\x63" * _PAGE_BYTES)
    return SqlClient(backend, database).say("SELECT * FROM t")


def _full_disk(backend: Backend, database: Database) -> Outcome:
    terminal = SqlClient(backend, database)
    ((pages,),) = terminal.rows("PRAGMA page_count")
    assert isinstance(pages, int)
    terminal.ok(f"PRAGMA max_page_count = {pages}")
    return terminal.say("INSERT INTO t (id, w) VALUES (9, printf('%.*c', 100000, 'x'))")


def _write_conflict(backend: Backend, database: Database) -> Outcome:
    a, b = SqlClient(backend, database), SqlClient(backend, database)
    for terminal in (a, b):
        terminal.ok("BEGIN CONCURRENT", "SELECT * FROM t")
    a.ok("UPDATE t SET v = 2 WHERE id = 1", "COMMIT")
    return b.say("UPDATE t SET v = 3 WHERE id = 1")


_PROVOCATIONS: Final[Mapping[ErrorClass, Provocation]] = {
    **SQLITE.provocations,
    ErrorClass.READ_ONLY: after("PRAGMA query_only = 1", "INSERT INTO t (id) VALUES (2)"),
    ErrorClass.IO_ERROR: after("VACUUM INTO '/nonexistent/directory/x.db'"),
    ErrorClass.FEATURE_NOT_SUPPORTED: after("VACUUM"),
    ErrorClass.DISK_FULL: _full_disk,
    ErrorClass.DATA_CORRUPTED: _corrupted,
    ErrorClass.DRIVER_PANIC: _panic,
    ErrorClass.CONNECTION_LOST: _lost,
}

TURSO: Final = EngineKit(
    schema=SCHEMA,
    provocations=_PROVOCATIONS,
    values=(*VALUES, "before\x00after"),
    deferred=SQLITE.deferred,
)

MVCC: Final = EngineKit(
    schema=SCHEMA,
    provocations={
        **{
            error_class: provoke
            for error_class, provoke in _PROVOCATIONS.items()
            if error_class not in (ErrorClass.SNAPSHOT_CONFLICT, ErrorClass.DISK_FULL)
        },
        ErrorClass.SERIALIZATION_FAILURE: _write_conflict,
    },
    values=TURSO.values,
    deferred=SQLITE.deferred,
)
