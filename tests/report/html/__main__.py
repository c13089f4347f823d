"""`python -m tests.report.html [STEPS]`: how large a page of so many steps is, and when a browser has it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.report.html.browser import HOW_TO_GET, Browser, executable
from tests.report.html.pages import page_of
from tests.report.html.test_browser import MANY, long_plan

LOADS = 5

# Until the browser has drawn it, from where the navigation began, in milliseconds.
DRAWN = "new Promise(done => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))"
JUMPED = f"(async () => {{ const since = performance.now(); location.hash = '#r1-hit'; return await {DRAWN} - since; }})()"


def main(steps: int) -> None:
    """Print them."""
    path = executable()
    if path is None:
        sys.exit(HOW_TO_GET)
    with tempfile.TemporaryDirectory() as home:
        file = Path(home) / "page.html"
        file.write_text(page_of(long_plan(steps)), encoding="utf-8")
        browser = Browser(path, Path(home))
        loads: list[float] = []
        jumps: list[float] = []
        for _ in range(LOADS):
            page = browser.open(file)
            loads.append(page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd"))
            jumps.append(page.evaluate(JUMPED))
            page.close()
        browser.close()
        print(f"{steps:,} steps: {file.stat().st_size / 1e6:.2f} MB")
        print(
            f"loaded after {min(loads):.0f} to {max(loads):.0f} ms, the jump takes {min(jumps):.0f} to {max(jumps):.0f} ms"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else MANY)
