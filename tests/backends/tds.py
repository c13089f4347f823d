"""A listener that speaks as much of SQL Server's protocol as a client needs to log in, to be told an error, and to cancel.

It is no SQL Server and runs no SQL. It keeps what a driver sends, word for word, and answers each batch as the test says:
so it is seen what reaches a server through pyodbc and a real ODBC driver, and what becomes of an error's number on its way
back. [MS-TDS]: https://learn.microsoft.com/openspecs/windows_protocols/ms-tds
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

BATCH: Final = 0x01
ATTENTION: Final = 0x06
LOGIN: Final = 0x10
PRELOGIN: Final = 0x12

_REPLY: Final = 0x04
_LAST: Final = 0x01
_NO_ENCRYPTION: Final = b"\x02"
_DONE_ERROR: Final = 0x02
_DONE_COUNT: Final = 0x10
_DONE_ATTENTION: Final = 0x20
_USER, _PASSWORD, _DATABASE = 1, 2, 8  # places in the table of a login
_INTEGER: Final = b"\x26\x08"  # bigint that may be NULL
_TEXT: Final = b"\xe7" + struct.pack("<H", 8_000) + b"\x09\x04\xd0\x00\x34"  # nvarchar(4000), Latin1_General


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What a client says of itself."""

    user: str
    password: str
    database: str


class Listener:
    """``answer`` gives the reply to a batch: ``done``, ``error``, ``table``; b"" hangs up, None waits until
    the client cancels."""

    def __init__(self, answer: Callable[[str], bytes | None]) -> None:
        self.logins: list[Login] = []
        self.batches: list[str] = []
        self.attentions = 0
        self.refuse: bytes | None = None  # what a login is told instead of a welcome
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:  # the listener was closed
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            while (message := _read(client)) is not None:
                kind, data = message
                reply = self._reply(kind, data)
                if reply == b"":
                    return
                if reply is not None:
                    client.sendall(struct.pack(">BBHHBB", _REPLY, _LAST, len(reply) + 8, 0, 1, 0) + reply)

    def _reply(self, kind: int, data: bytes) -> bytes | None:
        if kind == PRELOGIN:
            table = struct.pack(">BHHBHHB", 0, 11, 6, 1, 17, 1, 0xFF)
            return table + b"\x10\x00\x00\x00\x00\x00" + _NO_ENCRYPTION
        if kind == LOGIN:
            self.logins.append(_login(data))
            return self.refuse or _welcome()
        if kind == ATTENTION:
            self.attentions += 1
            return done(status=_DONE_ATTENTION)
        text = _batch(data) if kind == BATCH else f"(a call, {kind:#x})"
        self.batches.append(text)
        return self._answer(text)


def done(status: int = 0, count: int | None = None) -> bytes:
    """The end of a statement."""
    if count is not None:
        status |= _DONE_COUNT
    return struct.pack("<BHHQ", 0xFD, status, 0, count or 0)


def error(number: int, text: str, *, severity: int = 16) -> bytes:
    """An error, and the end of the statement that it stopped."""
    body = struct.pack("<iBB", number, 1, severity) + _long(text) + _short("listener") + _short("") + struct.pack("<i", 1)
    return struct.pack("<BH", 0xAA, len(body)) + body + done(_DONE_ERROR)


def table(*rows: Sequence[int | str | None], like: Sequence[int | str] = ()) -> bytes:
    """A result set of integers and texts; ``like`` gives the kinds of columns where no row does."""
    kinds = like or [cell if cell is not None else 0 for cell in rows[0]]
    columns = b"".join(
        struct.pack("<IH", 0, 1) + (_INTEGER if isinstance(kind, int) else _TEXT) + _short(f"c{i}")
        for i, kind in enumerate(kinds)
    )
    values = b"".join(b"\xd1" + b"".join(map(_cell, row, kinds)) for row in rows)
    return struct.pack("<BH", 0x81, len(kinds)) + columns + values + done(count=len(rows))


def _read(client: socket.socket) -> tuple[int, bytes] | None:
    data = b""
    while True:
        header = _exactly(client, 8)
        if header is None:
            return None
        kind, status, length = struct.unpack(">BBH", header[:4])
        part = _exactly(client, length - 8)
        if part is None:
            return None
        data += part
        if status & _LAST:
            return kind, data


def _exactly(client: socket.socket, size: int) -> bytes | None:
    data = b""
    while len(data) < size:
        try:
            part = client.recv(size - len(data))
        except OSError:  # the client was closed by force
            return None
        if not part:
            return None
        data += part
    return data


def _login(data: bytes) -> Login:
    def text(place: int) -> bytes:
        offset, length = struct.unpack_from("<HH", data, 36 + 4 * place)
        return data[offset : offset + 2 * length]

    password = bytes(((b ^ 0xA5) << 4 | (b ^ 0xA5) >> 4) & 0xFF for b in text(_PASSWORD))
    return Login(
        user=text(_USER).decode("utf-16-le"),
        password=password.decode("utf-16-le"),
        database=text(_DATABASE).decode("utf-16-le"),
    )


def _welcome() -> bytes:
    body = b"\x01\x74\x00\x00\x04" + _short("listener") + b"\x10\x00\x00\x00"
    return struct.pack("<BH", 0xAD, len(body)) + body + done()


def _batch(data: bytes) -> str:
    (headers,) = struct.unpack_from("<I", data)
    return data[headers:].decode("utf-16-le")


def _cell(cell: int | str | None, kind: int | str) -> bytes:
    if isinstance(cell, int):
        return struct.pack("<Bq", 8, cell)
    if cell is None:
        return b"\x00" if isinstance(kind, int) else b"\xff\xff"
    data = cell.encode("utf-16-le")
    return struct.pack("<H", len(data)) + data


def _short(text: str) -> bytes:
    return struct.pack("<B", len(text)) + text.encode("utf-16-le")


def _long(text: str) -> bytes:
    return struct.pack("<H", len(text)) + text.encode("utf-16-le")
