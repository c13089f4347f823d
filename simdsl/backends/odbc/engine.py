"""What the mechanics has to be told of the engine at the other end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from simdsl.backends.protocol import Tx
from simdsl.plan.ir import Transaction
from simdsl.plan.outcomes import Failed, Outcome

if TYPE_CHECKING:
    from simdsl.backends.odbc.session import OdbcSession


class Engine(Protocol):
    """An engine behind an ODBC driver. ODBC knows autocommit or none, so transactions are SQL text of ours."""

    @property
    def rollback(self) -> str:
        """Ends whatever transaction is open, and is no error without one."""

    @property
    def after_cancel(self) -> str | None:
        """What the session runs when a statement of its was cancelled, before it says so."""

    @property
    def asks_before_control(self) -> bool:
        """Whether ``controlled`` needs to know the state before a transaction statement: one more round trip."""

    def failed(self, error: BaseException) -> Failed:
        """What the driver raised, as an outcome."""

    def controlled(self, transaction: Transaction, before: Tx | None, outcome: Outcome) -> Outcome:
        """What a transaction statement came to, by simdsl's rules. ``before`` None: nobody asked."""

    def tx(self, session: OdbcSession) -> Tx:
        """The state of an idle session's transaction, asked of the engine. Raises the driver's errors."""
