"""``--dump-plan-on-failure``: a failed run as a plan of its own."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field

from simdsl.backends.registry import mask
from simdsl.cli.failing import usage
from simdsl.cli.overrides import Selected
from simdsl.core.verdicts import RunReport
from simdsl.language.write import dump, dump_json
from simdsl.modes.pin import pinned
from simdsl.plan.codes import Code


@dataclass(slots=True)
class Dumping:
    """Writes the first failed run to the file that was named, and further ones beside it with a number."""

    path: str
    note: Callable[[str], None]
    written: list[str] = field(default_factory=list)

    def write(self, selected: Selected, report: RunReport, seed: int, backend_url: str) -> None:
        """Pin the run, write it, and say how to replay it."""
        path = self._next()
        plan = pinned(selected.plan, report, seed)
        text = dump_json(plan) if path.endswith(".json") else dump(plan)
        try:
            with open(path, "w", encoding="utf-8", errors="surrogatepass", newline="") as out:
                out.write(text)
        except OSError as error:
            raise usage(Code.U009, f"cannot be written: {error.strerror}", about=path) from None
        self.written.append(path)
        self.note(f"replay: {shlex.join(['simdsl', 'run', path, '--backend', mask(backend_url)])}")

    def _next(self) -> str:
        if not self.written:
            return self.path
        stem, suffix = os.path.splitext(self.path)
        return f"{stem}-{len(self.written) + 1}{suffix}"
