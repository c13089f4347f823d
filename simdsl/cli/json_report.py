"""``--json``: events on standard output, notes on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import BinaryIO

from simdsl import __version__
from simdsl.core.verdicts import PlanEnded, Progress, RunReport
from simdsl.report import json_lines
from simdsl.report.context import CallHeader
from simdsl.report.secrets import Secrets
from simdsl.report.trace_events import JsonObject


class JsonEvents:
    """Writes what it is told as JSON lines."""

    def __init__(
        self, out: BinaryIO, *, url: str, secrets: Secrets, reproduce: Callable[[str, RunReport, int], str]
    ) -> None:
        """``url`` is the backend's, masked; ``reproduce`` gives the command that shows a failed run again."""
        self._out = out
        self._url = url
        self._secrets = secrets
        self._reproduce = reproduce

    def start(self, call: CallHeader) -> None:
        """The seed comes first."""
        backend, url = call.backend, self._url
        self._write({"event": "call_started", "simdsl": __version__, "seed": call.seed, "backend": backend, "url": url})

    def tell(self, progress: Progress) -> None:
        """One line an event; a plan that failed has the command that shows it again."""
        data = json_lines.progress_json(progress)
        if isinstance(progress, PlanEnded):
            failed = progress.failed
            data["reproduce"] = self._reproduce(progress.file, failed, progress.seed) if failed else None
        self._write(data)

    def note(self, text: str) -> None:
        """What is no event goes where it disturbs nobody."""
        sys.stderr.write(f"{self._secrets.hide(text)}\n")

    def _write(self, data: JsonObject) -> None:
        json_lines.write_line(self._out, data, self._secrets)
        self._out.flush()
