"""Messages in a pipe: each begins with how long it is."""

from __future__ import annotations

import struct
from typing import Final

HEAD: Final = struct.Struct(">Q")
"""What stands before a message: how many bytes it has."""


EMPTY: Final = b""
"""The message that is a sign and nothing else: to stop, or to be ready."""


def framed(message: bytes) -> bytes:
    """As it goes through a pipe."""
    return HEAD.pack(len(message)) + message
