"""libSQL: SQLite's schema and errors, without codes, and with the driver's own limits."""

from __future__ import annotations

from typing import Final

from simdsl.plan.outcomes import ErrorClass
from simdsl.testing.engine_kit import EngineKit, after
from tests.backends.kits.sqlite import SCHEMA, SQLITE

LIBSQL: Final = EngineKit(
    schema=SCHEMA,
    provocations={
        **{
            error_class: provoke
            for error_class, provoke in SQLITE.provocations.items()
            if error_class is not ErrorClass.SNAPSHOT_CONFLICT
        },
        ErrorClass.DRIVER_PANIC: after("SELECT CAST(x'ff41' AS TEXT)"),
    },
    refused={"before\x00after": ErrorClass.INVALID_TEXT_REPRESENTATION},
    deferred=SQLITE.deferred,
)
