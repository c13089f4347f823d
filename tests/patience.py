"""How long a test waits for what happens elsewhere, in another process or thread.

It ends a test that would hang, and decides nothing: a machine that does twenty other things may be slow, and no test
fails for that.
"""

from __future__ import annotations

from typing import Final

PATIENCE_S: Final = 300
PATIENCE_US: Final = PATIENCE_S * 1_000_000
PATIENCE_NS: Final = PATIENCE_US * 1_000
