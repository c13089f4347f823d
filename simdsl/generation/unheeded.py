"""The knobs that generation does not turn yet. Every other one changes what is generated."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

_NO_FAULTS: Final = "generated plans hold no faults: SQLite has none, and what one leaves behind cannot be told beforehand"

UNHEEDED: Final = MappingProxyType(
    {
        "doc": "it is said of the profile, not of its plans",
        "seed": "whoever calls gives the seed, and may take it from here",
        "weights.fault": _NO_FAULTS,
        "faults.disconnect": _NO_FAULTS,
        "faults.cancel": _NO_FAULTS,
        "faults.timeout": _NO_FAULTS,
        "faults.io_error": _NO_FAULTS,
        "faults.disk_full": _NO_FAULTS,
        "faults.reopen": _NO_FAULTS,
        "faults.crash": _NO_FAULTS,
    }
)
"""By the knob as `--set` names it, why not."""
