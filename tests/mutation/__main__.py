"""``python -m tests.mutation``: look for every planted bug, and say what finds it.

Exit codes: 0 all are found; 1 some are not; 2 the call cannot be done.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from tests.mutation import records
from tests.mutation.catalogue import BUGS
from tests.mutation.hunting import Hunt, hunt
from tests.mutation.page import PAGE, page


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit as the module says."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--bug", action="append", choices=list(BUGS), metavar="NAME", help="only this bug; again for more")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes (default: 2)")
    parser.add_argument("--write", action="store_true", help=f"write docs/reference/{PAGE.name} and {records.FILE.name}")
    options = parser.parse_args(arguments)
    if options.jobs < 1:
        parser.error("--jobs takes a number from 1")
    names = [name for name in BUGS if name in (options.bug or BUGS)]
    hunts = {}
    for found in _hunts(names, options.jobs):
        hunts[found.bug] = found
        print(_said(found), flush=True)
    if options.write:
        known = dict(records.read()) if options.bug else {}
        known |= hunts
        known = {name: known[name] for name in BUGS if name in known}
        records.FILE.write_text(records.text(known.values()), encoding="utf-8")
        PAGE.write_text(page(known), encoding="utf-8")
        print(f"{records.FILE.name} and {PAGE.name} written")
    lost = [found.bug for found in hunts.values() if found.profile is None]
    print(f"{len(hunts)} bugs, {len(hunts) - len(lost)} found" + (f"; not found: {', '.join(lost)}" if lost else ""))
    return 1 if lost else 0


def _hunts(names: Sequence[str], jobs: int) -> Iterator[Hunt]:
    if jobs == 1 or len(names) == 1:
        yield from map(_hunt, names)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(_hunt, names)


def _hunt(name: str) -> Hunt:
    return hunt(BUGS[name])


def _said(found: Hunt) -> str:
    also = ", ".join(name for name in found.also if name != found.finder) or "nobody else"
    if found.profile is None:
        return f"{found.bug}: not found by {found.finder}; found by {also}"
    tried = " ".join(map(str, found.tried))
    return f"{found.bug}: {found.finder}, {found.profile}, {tried} seeds, {found.median_steps} steps; also {also}"


if __name__ == "__main__":
    sys.exit(main())
