"""Regular expressions of modules, compiled when they are first used.

Python compiles a pattern in Python. A run of a small plan imports some 70 patterns and uses a third of them; compiling
the others at import took 12 of its 180 ms of CPU time (docs/adr/0037).
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast

_METHODS = ("findall", "finditer", "fullmatch", "match", "search", "split", "sub", "subn")


def lazy_regex(source: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """As ``re.compile``, for constants of modules. An error in the pattern is raised by its first use."""
    return cast("re.Pattern[AnyStr]", LazyRegex(source, flags))


class LazyRegex:
    """Has the methods of a compiled pattern once one of them was asked for: slots, so that they are found as fast."""

    __slots__ = ("_flags", "_source", *_METHODS)

    def __init__(self, source: str | bytes, flags: int) -> None:
        self._source = source
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        # Called only for what has no value yet, or is not kept here (.pattern, .groups).
        if name.startswith("__"):
            raise AttributeError(name)
        compiled = re.compile(self._source, self._flags)
        for method in _METHODS:
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)
