"""``--trace`` and ``--json``: events as JSON lines, in a file and on standard output."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import BinaryIO

from simdsl import __version__
from simdsl.cli.listeners import CallContext, RunListener
from simdsl.cli.output import open_for_writing
from simdsl.core.verdicts import PlanEnded, Progress, RunReport
from simdsl.report import json_lines
from simdsl.report.context import CallHeader
from simdsl.report.json_lines import TraceWriter
from simdsl.report.secrets import Secrets
from simdsl.report.trace_events import JsonObject


class TraceFile(RunListener):
    """``--trace FILE``: every event of every run."""

    def __init__(self, context: CallContext) -> None:
        super().__init__(context)
        path = context.request.trace
        assert path is not None
        self._out = open_for_writing(path)
        self._writer = TraceWriter(self._out, context.backends, context.secrets)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._out.close()

    def tell(self, progress: Progress) -> None:
        self._writer.tell(progress)


class JsonEvents:
    """``--json``: events on standard output, notes on standard error."""

    def __init__(
        self, out: BinaryIO, *, url: str, secrets: Secrets, reproduce: Callable[[str, RunReport, int], str]
    ) -> None:
        """``url`` is the backend's, masked; ``reproduce`` gives the command that shows a failing run again."""
        self._out = out
        self._url = url
        self._secrets = secrets
        self._reproduce = reproduce

    def start(self, call: CallHeader) -> None:
        """The seed comes first."""
        backend, url = call.backend, self._url
        self._write({"event": "call_started", "simdsl": __version__, "seed": call.seed, "backend": backend, "url": url})

    def tell(self, progress: Progress) -> None:
        """One line for each event; that of a failing plan has the command that shows it again."""
        data = json_lines.progress_json(progress)
        if isinstance(progress, PlanEnded):
            failed = progress.failed
            data["reproduce"] = self._reproduce(progress.file, failed, progress.seed) if failed else None
        self._write(data)

    def note(self, text: str) -> None:
        """What is not an event must not mix with those that are."""
        sys.stderr.write(f"{self._secrets.hide(text)}\n")

    def _write(self, data: JsonObject) -> None:
        json_lines.write_line(self._out, data, self._secrets)
        self._out.flush()
