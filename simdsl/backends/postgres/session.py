"""A session over one psycopg connection, driven through ``psycopg.pq`` without ever blocking.

A statement is sent, and the socket is looked at for a moment: nearly always the answer is there. If not, the statement is
*pending*, and the database finds out whether it waits for a lock. A statement that comes again is prepared on the server
the second time, and the names of prepared statements are forgotten whenever a schema may have changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from select import POLLIN, POLLOUT, poll, select
from typing import TYPE_CHECKING, Any, Final, Protocol

import psycopg
from psycopg import pq
from psycopg.adapt import Transformer

from simdsl.backends.postgres.results import ResultReader, closed, encode_parameters, encode_text, failed, lost
from simdsl.backends.protocol import Statement, Tx
from simdsl.core.clock import real_ns
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.sql import SqlKind, TransactionAction
from simdsl.plan.values import Value

if TYPE_CHECKING:
    from psycopg.adapt import AdaptersMap
    from psycopg.pq.abc import PGconn, PGresult

_LOOK_S: Final = 0.0003
_PATIENCE_S: Final = 0.05
_QUIESCE_NS: Final = 5_000_000_000
_COUNTED: Final = (b"INSERT", b"UPDATE", b"DELETE", b"MERGE")
# Statements of unknown kind that change no name and no type, so that what was prepared stays good.
_HARMLESS: Final = frozenset({"WITH", "SHOW", "EXPLAIN", "TABLE", "FETCH", "MOVE", "LOCK", "NOTIFY", "ANALYZE", "VACUUM"})
_STATES: Final = {0: Tx.IDLE, 1: Tx.OPEN, 2: Tx.OPEN, 3: Tx.FAILED, 4: Tx.LOST}

_NOTHING: Final = Affected(None)
_COUNTS: Final = tuple(Affected(n) for n in range(256))
_TUPLES: Final = pq.ExecStatus.TUPLES_OK
_COMMAND: Final = pq.ExecStatus.COMMAND_OK
_QUERY: Final = SqlKind.QUERY
_DDL: Final = SqlKind.DDL
_OTHER: Final = SqlKind.OTHER
_NOBODY: Final = ()
_new: Final = tuple.__new__
SELECTABLE: Final = 1024
"""FD_SETSIZE, which CPython does not expose: the first descriptor that ``select`` rejects."""


class SessionOwner(Protocol):
    """What a session needs of its database."""

    epoch: int  # increases whenever a schema may have changed
    wrote_schema: bool

    def cancel(self, session: PostgresSession) -> None:
        """Ask the server, through another connection, to give up the pending statement."""

    def retire(self, session: PostgresSession) -> None:
        """The session was closed: its connection may serve again."""


class _CachedStatement:
    """A statement that this session has sent before: how often, under which name it is prepared, how its rows are read."""

    __slots__ = ("is_query", "name", "oids", "seen", "text", "transformer")

    def __init__(self, text: bytes, oids: list[int], *, is_query: bool) -> None:
        self.text = text
        self.oids = oids
        self.is_query = is_query  # then it affects no rows
        self.seen = 0
        self.name: bytes | None = None
        self.transformer: Any = None  # psycopg's Transformer, in C or in Python


class PostgresSession:
    """See ``protocol.Session``. ``connection`` is psycopg's own, for a pool to hand around."""

    def __init__(
        self, connection: psycopg.Connection[Any], number: int, database: SessionOwner, adapters: AdaptersMap
    ) -> None:
        self.id = number
        self._reading = ResultReader(connection, adapters)
        self.connection = connection
        self.pgconn: PGconn = connection.pgconn
        self.pid = self.pgconn.backend_pid
        self._database = database
        self._fd = self.pgconn.socket
        self._reader = (self._fd,)
        self._usual = self._finished  # one bound method for all steps, which ``start`` also recognizes by identity
        self._known: dict[str, _CachedStatement] = {}
        self._epoch = database.epoch
        self._names = 0
        self._is_closed = False
        self._changed_schema = False
        self.is_canceled = False
        # The pending statement, if there is one: what to do with its result, and its outcome.
        self._next: Callable[[PGresult], Outcome | None] | None = None
        self._result: PGresult | None = None
        self._outcome: Outcome | None = None
        self._unsent = False
        self._at: _CachedStatement | None = None

    # The protocol

    def start(self, statement: Statement, arguments: Sequence[Value]) -> Outcome | None:
        """Send it, and watch the socket for a moment.

        The moment is 0.3 ms. On a local server nearly every statement that waits for no lock is answered within it, and then
        no query has to find out who blocks it.
        """
        assert self._next is None, "one statement at a time"
        if self._is_closed:
            return closed()
        try:
            if statement.transaction is not None:
                self._send_control(statement)
            else:
                self._send(statement, arguments)
        except UnicodeError as error:
            return Failed(ErrorClass.INVALID_TEXT_REPRESENTATION, str(error), "22021")
        except psycopg.Error as error:
            return self._broken(error)
        if self._unsent or self._next is not self._usual or self._fd >= SELECTABLE:
            self._advance(_LOOK_S)
        else:
            self._look()
        outcome, self._outcome = self._outcome, None
        return outcome

    def poll(self) -> Outcome | None:
        """The outcome, if all of the answer has arrived."""
        if self._next is not None:
            self._advance(0)
        outcome, self._outcome = self._outcome, None
        return outcome

    def cancel(self) -> None:
        """By ``pg_cancel_backend`` on another connection.

        The server drops the request if it has not begun the statement yet, so ``settle`` repeats it.
        """
        if self._next is not None:
            self.is_canceled = True
            self._database.cancel(self)

    def tx(self) -> Tx:
        """As the server reported with its last answer: libpq keeps it, so nothing is sent."""
        return Tx.LOST if self._is_closed else _STATES[self.pgconn.transaction_status]

    def quiesce(self) -> None:
        """Cancel, drain and roll back; a connection that does not react in 5 s of real time is closed."""
        deadline_ns = real_ns() + _QUIESCE_NS
        while self._next is not None and real_ns() < deadline_ns:
            self.cancel()
            self._advance(_PATIENCE_S)
        self._outcome = None
        if self.tx() in (Tx.OPEN, Tx.FAILED) and self._next is None:
            self.pgconn.send_query(b"ROLLBACK")
            self._begin(self._usual)
            self._forget_if_changed()
            while self._next is not None and real_ns() < deadline_ns:
                self._advance(_PATIENCE_S)
        self._outcome = None
        if self._next is not None:
            self._next = None
            self.connection.close()

    def close(self) -> None:
        """Close it as far as the plan can see; the database may reset the connection and use it again. Idempotent."""
        if not self._is_closed:
            if self.pgconn.transaction_status != pq.TransactionStatus.IDLE:
                self.quiesce()
            self._is_closed = True
            self._database.retire(self)

    # For the database

    @property
    def is_under_way(self) -> bool:
        """Whether a statement has been sent and not been answered."""
        return self._next is not None

    def has_ended(self) -> bool:
        """Whether the statement that was started has its outcome by now; looks at the socket, and never waits."""
        if self._next is not None:
            self._advance(0)
        return self._next is None

    def fileno(self) -> int:
        """The socket, for ``select``."""
        return self._fd

    def forget(self) -> None:
        """Forget prepared statements: DISCARD ALL, which pools send, has dropped them on the server."""
        self._known.clear()

    # Sending

    def _send(self, statement: Statement, arguments: Sequence[Value]) -> None:
        kind = statement.kind
        if kind is _DDL or (kind is _OTHER and _first_word(statement.text) not in _HARMLESS):
            self._changed_schema = self._database.wrote_schema = True
            self._database.epoch += 1
        if self._epoch != self._database.epoch:
            self._epoch = self._database.epoch
            self._known.clear()
        texts, oids = encode_parameters(arguments)
        known = self._known.get(statement.text)
        if known is None or known.oids != oids:
            known = self._known[statement.text] = _CachedStatement(
                encode_text(statement.text), oids, is_query=kind is _QUERY
            )
        self._at = known
        known.seen += 1
        pgconn = self.pgconn
        if known.name is not None:
            pgconn.send_query_prepared(known.name, texts)
            self._begin(self._usual)
        elif known.seen == 1 or kind is _DDL or kind is _OTHER:
            pgconn.send_query_params(known.text, texts, oids)
            self._begin(self._usual)
        else:
            self._names += 1
            name = b"simdsl%d" % self._names
            pgconn.send_prepare(name, known.text, oids)
            self._begin(lambda result: self._prepared(result, name, texts))

    def _prepared(self, result: PGresult, name: bytes, texts: list[bytes | None]) -> Outcome | None:
        """The statement is known to the server by a name now, or cannot be."""
        if result.status != _COMMAND:
            return self._finished(result)
        assert self._at is not None
        self._at.name = name
        self.pgconn.send_query_prepared(name, texts)
        self._begin(self._usual)
        return None

    def _send_control(self, statement: Statement) -> None:
        assert statement.transaction is not None
        action, before = statement.transaction.action, self.tx()
        self.pgconn.send_query(encode_text(statement.text))
        self._at = None
        if action in (TransactionAction.COMMIT, TransactionAction.ROLLBACK, TransactionAction.ROLLBACK_TO):
            self._forget_if_changed(keep=action is TransactionAction.ROLLBACK_TO)
        self._begin(lambda result: _control_outcome(self._finished(result), action, before, result))

    def _forget_if_changed(self, *, keep: bool = False) -> None:
        # A change of the schema becomes visible to others, or is undone, when its transaction ends. A statement that was
        # prepared before that fails with "cached plan must not change result type", an error of our own making.
        if self._changed_schema:
            self._database.epoch += 1
            self._changed_schema = keep

    def _begin(self, then: Callable[[PGresult], Outcome | None]) -> None:
        self._next = then
        self.is_canceled = False
        self._unsent = self.pgconn.flush() == 1

    # Receiving

    def _look(self) -> None:
        """``_advance`` written out for the usual case, in which nothing is left to send.

        A ``SELECT 1`` takes 15 us of CPU this way and 26 through ``_advance``.
        """
        try:
            if select(self._reader, _NOBODY, _NOBODY, _LOOK_S)[0]:
                self.pgconn.consume_input()
                self._take_results()
        except psycopg.Error as error:
            self._next = self._result = None
            self._outcome = self._broken(error)

    def _advance(self, wait_s: float) -> None:
        """Read what has arrived, waiting at most this long. Sets the outcome when the answer is complete."""
        try:
            while self._next is not None:
                writers = (self._fd,) if self._unsent else ()
                readable, writable = wait_for_socket((self._fd,), writers, wait_s)
                if not readable and not writable:
                    return
                if readable:
                    self.pgconn.consume_input()
                if self._unsent:
                    self._unsent = self.pgconn.flush() == 1
                self._take_results()
        except psycopg.Error as error:
            self._next = self._result = None
            self._outcome = self._broken(error)

    def _take_results(self) -> None:
        pgconn = self.pgconn
        while not pgconn.is_busy():
            result = pgconn.get_result()
            if result is None:
                then, last, self._next, self._result = self._next, self._result, None, None
                assert then is not None
                self._outcome = lost("the server sent no result") if last is None else then(last)
                return
            if result.status in _COPYING:
                self._refuse_copy(result)
            # Of several results the first error counts: libpq adds one of its own when the connection breaks, and one
            # for the copy that was refused.
            if self._result is None or self._result.status not in _LASTING:
                self._result = result

    def _finished(self, result: PGresult) -> Outcome:
        """The outcome of a statement."""
        status = result.status
        if status == _TUPLES:
            return self._rows(result)
        if status == _COMMAND:
            if (result.command_status or b"").startswith(_COUNTED):
                n = result.command_tuples or 0
                return _COUNTS[n] if n < 256 else Affected(n)
            return _NOTHING
        if status == pq.ExecStatus.EMPTY_QUERY:
            return _NOTHING
        if status in _COPYING:
            return Failed(ErrorClass.FEATURE_NOT_SUPPORTED, "COPY to or from the client is not supported", "0A000")
        return self._failed(result)

    def _rows(self, result: PGresult) -> Rows:
        known = self._at
        transformer = known.transformer if known is not None else None
        if transformer is None:
            transformer = Transformer(self._reading)
            transformer.set_pgresult(result)
            if known is not None and known.name is not None:
                known.transformer = transformer
        else:
            transformer.set_pgresult(result, set_loaders=False)
        rows = transformer.load_rows(0, result.ntuples, tuple)
        if known is not None and known.is_query:
            return _new(Rows, (result.nfields, rows, None))
        counted = (result.command_status or b"").startswith(_COUNTED)
        return Rows(result.nfields, rows, result.command_tuples if counted else None)

    def _failed(self, result: PGresult) -> Failed:
        sqlstate = result.error_field(pq.DiagnosticField.SQLSTATE)
        message = result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or result.error_message or b""
        failure = failed(sqlstate.decode() if sqlstate else None, message.decode(errors="replace"))
        if self.pgconn.status == pq.ConnStatus.BAD and failure.error_class is not ErrorClass.CONNECTION_LOST:
            return failure._replace(error_class=ErrorClass.CONNECTION_LOST)
        return failure

    def _refuse_copy(self, result: PGresult) -> None:
        if result.status == pq.ExecStatus.COPY_IN:
            self.pgconn.put_copy_end(b"simdsl has no data to copy")
        elif result.status == pq.ExecStatus.COPY_OUT:
            while self.pgconn.get_copy_data(0)[0] > 0:
                pass

    def _broken(self, error: psycopg.Error) -> Failed:
        closed_here = self._is_closed or (self.connection.closed and not self.connection.broken)
        return closed() if closed_here else lost(str(error))


_COPYING: Final = frozenset({pq.ExecStatus.COPY_IN, pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_BOTH})
_LASTING: Final = _COPYING | {pq.ExecStatus.FATAL_ERROR}


def _control_outcome(outcome: Outcome, action: TransactionAction, before: Tx, result: PGresult) -> Outcome:
    """By simdsl's rules, because PostgreSQL only warns of a BEGIN or COMMIT at the wrong time, and its COMMIT of a failed
    transaction rolls back without an error: an application would take it for a success."""
    if isinstance(outcome, Failed):
        return outcome
    if action is TransactionAction.BEGIN and before is not Tx.IDLE:
        return failed("25001", "there is already a transaction in progress")
    if action in (TransactionAction.COMMIT, TransactionAction.ROLLBACK) and before is Tx.IDLE:
        return failed("25P01", "there is no transaction in progress")
    if action is TransactionAction.COMMIT and result.command_status == b"ROLLBACK":
        return failed("25P02", "the transaction had failed, so it was rolled back")
    return outcome


def _first_word(text: str) -> str:
    return text.split(None, 1)[0].upper() if text.strip() else ""


def wait_for_socket(readers: Sequence[int], writers: Sequence[int], wait_s: float) -> tuple[bool, bool]:
    """Whether one of ``readers`` can be read and one of ``writers`` be written, waiting this long for either."""
    if max(*readers, *writers, 0) < SELECTABLE:
        readable, writable, _ = select(readers, writers, (), wait_s)
        return bool(readable), bool(writable)
    watch = poll()
    for fd in {*readers, *writers}:
        watch.register(fd, (POLLIN if fd in readers else 0) | (POLLOUT if fd in writers else 0))
    found = watch.poll(math.ceil(wait_s * 1_000))
    # What is broken is readable: the error is there to be fetched.
    return (
        any(fd in readers and event & ~POLLOUT for fd, event in found),
        any(fd in writers and event & POLLOUT for fd, event in found),
    )
