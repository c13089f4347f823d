"""``python -m bench.soak``: measure what is left, and go on where the last call stopped.

Exit codes: 0 everything is measured and no alarm is unexplained; 1 there is such an alarm; 2 the call cannot be done;
3 something is left (``--time`` or Ctrl-C); 5 without an assertion.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from bench.soak import explained, records
from bench.soak.campaign import Campaign, Request, Stopped
from bench.soak.page import PAGE, page, unexplained
from bench.soak.parts import PARTS, Part
from bench.soak.pool import Workers
from bench.soak.progress import Progress
from simdsl.backends.protocol import BackendUnavailable


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit as the module says."""
    options = _parser().parse_args(arguments)
    parts = tuple(PARTS[name] for name in dict.fromkeys(options.part or PARTS))
    try:
        if options.list:
            _list(parts, options.results)
            return 0
        code = 0 if options.write else _measure(parts, options)
        if options.write:
            PAGE.write_text(page(options.results), encoding="utf-8")
            print(f"written to {PAGE}")
    except (BackendUnavailable, Stopped, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return code


def _measure(parts: Sequence[Part], options: argparse.Namespace) -> int:
    first, last = options.seeds or (1, None)
    if options.fresh:
        for part in parts:
            records.rewrite(options.results, part.name, ())
    request = Request(
        parts=tuple(parts),
        results=options.results,
        first=first,
        last=last,
        seconds=options.time,
        any_source=options.any_source,
    )
    progress = Progress(sys.stderr)
    campaign = Campaign(request=request, tell=progress.tell)
    campaign.prepare()
    progress.begin(campaign)
    workers = Workers(options.jobs, limit=options.limit)

    def interrupted(number: int, frame: FrameType | None) -> None:
        if campaign.is_over:
            raise KeyboardInterrupt
        campaign.is_over = True
        progress.note("ends when the units that are under way are done; once more to drop them")

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        campaign.run(workers)
    except KeyboardInterrupt:
        campaign.is_over = True
    finally:
        workers.close()
        signal.signal(signal.SIGINT, before)
        progress.end()
    for why in campaign.refused:
        sys.stderr.write(f"{why}\n")
    if campaign.refused:
        return 2
    return _code(parts, options.results, is_complete=campaign.is_complete)


def _code(parts: Sequence[Part], results: Path, *, is_complete: bool) -> int:
    known = explained.load()
    found = {part: records.read(results, part.name) for part in parts}
    if any(unexplained(part, some, known) for part, some in found.items()):
        return 1
    if not is_complete:
        return 3
    assertions = (sum(record.counts.assertions for record in some) for part, some in found.items() if part.subjects)
    return 0 if all(assertions) else 5


def _list(parts: Sequence[Part], results: Path) -> None:
    for part in parts:
        found = records.read(results, part.name)
        print(f"{part.name}: {part.what}; {len(found)} units in the results")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument(
        "--part", action="append", choices=list(PARTS), metavar="NAME", help="only this part; again for more"
    )
    parser.add_argument("--list", action="store_true", help="show the parts, and measure nothing")
    parser.add_argument("--seeds", type=_seeds, metavar="A..B", help="only the units that hold these seeds")
    parser.add_argument("--jobs", type=_positive, default=2, metavar="N", help="worker processes (default: 2)")
    parser.add_argument("--time", type=_duration, metavar="TIME", help="begin no unit after this long: 90s, 10m, 8h")
    parser.add_argument("--limit", type=_duration, default=300.0, metavar="TIME", help="a seed hangs after it (5m)")
    parser.add_argument("--results", type=Path, default=records.RESULTS, metavar="DIR", help="where the results are")
    parser.add_argument("--any-source", action="store_true", help="what other sources or engines measured counts as done")
    parser.add_argument("--fresh", action="store_true", help="discard the results of these parts first")
    parser.add_argument("--write", action="store_true", help="measure nothing, write docs/reference/soak.md")
    return parser


def _seeds(text: str) -> tuple[int, int]:
    first, dots, last = text.partition("..")
    if not dots or not first.isdecimal() or not last.isdecimal() or not 1 <= int(first) <= int(last):
        raise argparse.ArgumentTypeError(f"`{text}` is not A..B with 1 <= A <= B")
    return int(first), int(last)


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"`{text}` is not a number from 1")
    return int(text)


def _duration(text: str) -> float:
    units = {"s": 1, "m": 60, "h": 3600}
    if text[-1:] not in units or not text[:-1].isdecimal():
        raise argparse.ArgumentTypeError(f"`{text}` is not a time such as 90s, 10m or 8h")
    return float(text[:-1]) * units[text[-1]]


if __name__ == "__main__":
    sys.exit(main())
