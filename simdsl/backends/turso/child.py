"""The process in which Turso runs: reads requests on descriptor 0 and answers there. Turso's only door.

Run as a script by ``process``, with the directory of the driver as its argument. It imports nothing of simdsl, so that it
starts quickly and that an engine that writes where it should not has nothing of a run to break. All sessions live in its
one thread: the engine aborts when a connection is used by two.

A message is its length in eight bytes and a tuple in marshal's format, which both sides read with the same Python. Requests
are ``(operation, number, ...)``; the answer to each is ``(True, value, in_transaction)`` or
``(False, name of the exception's class, message, in_transaction)``.
"""

from __future__ import annotations

import marshal
import os
import sys
from typing import Any

OPEN, EXECUTE, COMMIT, ROLLBACK, CLOSE = range(5)

HEAD = 8  # bytes of a message's length
CHUNK = 65_536

_DESCRIPTOR = 0


def main(directory: str) -> None:
    """Serve until the other side closes."""
    _end_with_parent()
    sys.path.append(directory)
    import turso  # from the directory that was just added

    serve(turso)


def serve(turso: Any) -> None:
    """Answer requests, one after the other."""
    connections: dict[int, Any] = {}
    while True:
        request = _receive()
        number = request[1]
        try:
            value = _done(turso, connections, request)
            answer: tuple[Any, ...] = (True, value, _in_transaction(connections, number))
        except BaseException as error:  # a panic that does not abort is not an Exception
            answer = (False, type(error).__name__, str(error), _in_transaction(connections, number))
        _send(answer)


def _done(turso: Any, connections: dict[int, Any], request: tuple[Any, ...]) -> Any:
    operation, number, *rest = request
    if operation == EXECUTE:
        return _executed(connections[number], *rest)
    if operation == OPEN:
        connections[number] = turso.connect(rest[0], isolation_level=None)
    elif operation == COMMIT:
        connections[number].commit()
    elif operation == ROLLBACK:
        connections[number].rollback()
    elif operation == CLOSE:
        connections.pop(number).close()
    return None


def _executed(connection: Any, text: str, arguments: tuple[Any, ...], is_counted: bool) -> tuple[int, Any, int]:
    """Width (0: no result set), rows, and the count, which the driver does not give for a statement with rows."""
    cursor = connection.execute(text, arguments)
    if cursor.description is None:
        return 0, None, cursor.rowcount
    width, rows = len(cursor.description), cursor.fetchall()
    count = connection.execute("SELECT changes()").fetchall()[0][0] if is_counted else -1
    return width, rows, count


def _in_transaction(connections: dict[int, Any], number: int) -> bool:
    connection = connections.get(number)
    return connection is not None and connection.in_transaction


def _receive() -> Any:
    data = os.read(_DESCRIPTOR, CHUNK)
    while len(data) < HEAD or len(data) < HEAD + int.from_bytes(data[:HEAD], "big"):
        more = os.read(_DESCRIPTOR, max(CHUNK, int.from_bytes(data[:HEAD], "big") + HEAD - len(data) if data else CHUNK))
        if not more:
            os._exit(0)
        data += more
    return marshal.loads(data[HEAD:])


def _send(answer: tuple[Any, ...]) -> None:
    data = marshal.dumps(answer)
    view = memoryview(len(data).to_bytes(HEAD, "big") + data)
    while view:
        view = view[os.write(_DESCRIPTOR, view) :]


def _end_with_parent() -> None:
    # The serving thread may be deep in the engine when the other side ends, and would notice only after it returns: a
    # statement that hangs would keep the process, and its lock on the file, for ever.
    import _thread
    import select

    def watch() -> None:
        poll = select.poll()
        poll.register(_DESCRIPTOR, 0)  # nothing but the hang-up, which is always told
        poll.poll()
        os._exit(0)

    _thread.start_new_thread(watch, ())


if __name__ == "__main__":
    main(sys.argv[1])
