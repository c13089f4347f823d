"""``python -m tests.mutation.shrinking``: shrink what found every planted bug, and compare it with a plan written by hand.

With ``--write`` each result is kept as it comes, and what is kept already for the same finding is not done again.

Exit codes: 0 none is more than 2 steps larger than by hand; 1 some are; 2 the call cannot be done.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor

from tests.mutation import records, shrunk
from tests.mutation.catalogue import BUGS
from tests.mutation.minima import SPARE, by_hand
from tests.mutation.shortening import Finding, Shortened, shorten, steps
from tests.mutation.shrinking_page import PAGE, page


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit as the module says."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation.shrinking", description=__doc__)
    parser.add_argument("--bug", action="append", choices=list(BUGS), metavar="NAME", help="only this bug; again for more")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes (default: 2)")
    parser.add_argument("--again", action="store_true", help="also what is kept already")
    parser.add_argument("--write", action="store_true", help=f"write docs/reference/{PAGE.name} and {shrunk.FILE.name}")
    options = parser.parse_args(arguments)
    if options.jobs < 1:
        parser.error("--jobs takes a number from 1")
    findings = {name: Finding.of(hunt) for name, hunt in records.read().items() if hunt.profile is not None}
    missing = [name for name in options.bug or BUGS if name not in findings]
    if missing:
        parser.error(f"nothing has found {', '.join(missing)} yet: python -m tests.mutation --write")
    kept = {name: one for name, one in shrunk.read().items() if name in BUGS}
    wanted = {name: findings[name] for name in options.bug or BUGS}
    if options.write and not options.again and not options.bug:
        wanted = {name: finding for name, finding in wanted.items() if name not in kept or kept[name].finding != finding}
    large = []
    for one in _shortened(wanted, options.jobs):
        kept[one.bug] = one
        spare = steps(one.plan) - steps(by_hand()[one.bug])
        large += [one.bug] if spare > SPARE else []
        print(_said(one, spare), flush=True)
        if options.write:
            _keep(kept)
    if options.write:
        _keep(kept)
        large = [name for name, one in kept.items() if steps(one.plan) > steps(by_hand()[name]) + SPARE]
    print(f"{len(wanted)} shrunk" + (f"; too large: {', '.join(large)}" if large else ""))
    return 1 if large else 0


def _shortened(wanted: Mapping[str, Finding], jobs: int) -> Iterator[Shortened]:
    if jobs == 1 or len(wanted) == 1:
        yield from map(_shorten, wanted, wanted.values())
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(_shorten, wanted, wanted.values())


def _shorten(name: str, finding: Finding) -> Shortened:
    return shorten(BUGS[name], finding)


def _keep(kept: Mapping[str, Shortened]) -> None:
    """A reader finds the old file or the new one."""
    in_order = {name: kept[name] for name in BUGS if name in kept}
    for path, said in ((shrunk.FILE, shrunk.text(in_order.values())), (PAGE, page(in_order))):
        new = path.with_suffix(f"{path.suffix}.new")
        new.write_text(said, encoding="utf-8")
        new.replace(path)


def _said(one: Shortened, spare: int) -> str:
    many = steps(one.plan)
    return f"{one.bug}: {one.found} -> {many} steps, by hand {many - spare} ({one.tries} tries, {one.seconds:.1f} s)"


if __name__ == "__main__":
    sys.exit(main())
