"""A worker process: units come in on standard input, what they came to goes out on standard output, a line each.

A line for every seed goes before, so that it is known what killed a worker. It ends when its input does. What an engine
prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict
from typing import Any

from bench.soak.parts import Unit
from bench.soak.work import do


def main() -> int:
    """Until there is no more work."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)

        def say(told: dict[str, Any]) -> None:
            out.write(f"{json.dumps(told)}\n")
            out.flush()

        for text in sys.stdin:
            started = time.monotonic()
            answer: dict[str, Any]
            try:
                answer = {"counts": asdict(do(Unit(**json.loads(text)), at=lambda seed: say({"at": seed})))}
            except Exception as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            answer["seconds"] = round(time.monotonic() - started, 3)
            say(answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
