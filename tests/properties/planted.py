"""A planted bug for each property that can be tried on SQLite: a driver, or a pool, with one fault.

The faults that other tests have too are theirs (tests/modes/faulty_sqlite.py, tests/backends/planted_pools.py).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy.pool import QueuePool

from simdsl.backends.protocol import Backend
from simdsl.backends.registry import resolve
from tests.modes.faulty_sqlite import Faithful, install, install_class


class StopsHalfWay(Faithful):
    """A statement that fails keeps what it has done so far."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        for word in ("INSERT", "UPDATE"):
            if sql.startswith(f"{word} "):
                sql = f"{word} OR FAIL{sql.removeprefix(word)}"
        return super().execute(sql, parameters)


class ForgetsAfterBusy(Faithful):
    """A connection that was refused once updates nothing the next time, and says that it did."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if sql.startswith("UPDATE") and vars(self.connection).pop("refused", False):
            sql = sql.replace("v = v +", "v = v + 0 *")
        try:
            return super().execute(sql, parameters)
        except sqlite3.OperationalError:
            vars(self.connection)["refused"] = True
            raise


def never_resets(connect: Callable[[], Any], *, size: int, timeout: float, **_: object) -> QueuePool:
    """What is returned is lent again as it is."""
    return QueuePool(connect, pool_size=size, max_overflow=0, timeout=timeout, reset_on_return=None)


def driver(name: str) -> Callable[[], Backend]:
    """SQLite with this driver."""
    return lambda: resolve(f"sqlite?driver={name}")


def pool(place: str) -> Callable[[], Backend]:
    """SQLite with this pool."""
    return lambda: resolve(f"sqlite?pool={place}")


PLANTED: Final[Mapping[str, tuple[Callable[[], Backend], ...]]] = MappingProxyType(
    {
        "pool-checkout-return": (
            pool("tests.backends.planted_pools:lost_hand_off"),
            pool("tests.backends.planted_pools:lease_to_the_gone"),
            pool("tests.backends.planted_pools:no_wake_up"),
        ),
        "pool-clean-return": (pool("tests.properties.planted:never_resets"),),
        "tx-commit-visible": (driver(install("loses_a_commit")), driver(install("reads_what_was"))),
        "tx-rollback-invisible": (driver(install("ignores_a_rollback")),),
        "savepoint-rollback": (driver(install("ignores_a_rollback_to_a_savepoint")),),
        "retry-after-busy": (driver(install_class("forgets_after_busy", ForgetsAfterBusy)),),
        "statement-atomicity": (driver(install_class("stops_half_way", StopsHalfWay)),),
    }
)
"""The backends with a bug that the property must find. No backend can lose a connection, so one property has none."""
