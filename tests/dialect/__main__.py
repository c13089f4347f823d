"""`python -m tests.dialect`: run the corpus, and write the page of the reference and the T-SQL of the corpus."""

from __future__ import annotations

import sys
from functools import cache

from simdsl.plan.sql import Dialect
from tests.dialect.corpus import TARGETS, collections
from tests.dialect.page import GOLDEN, PAGE, golden, page
from tests.dialect.running import Result, results


def main() -> int:
    """Exit 1 if the corpus does not say what comes of it."""
    known = {collection.name: collection for collection in collections()}

    @cache
    def results_of(name: str, target: Dialect) -> list[Result]:
        return results(known[name], target, run=target is not Dialect.TSQL)

    files = {PAGE: page(results_of)}
    files |= {GOLDEN / f"{name}.sql": golden(collection, results_of) for name, collection in known.items()}
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
        print(f"{path.name} written")
    problems = [
        f"{name}: {result.entry.name} on {result.target}: {result.problem}"
        for name, collection in known.items()
        for target in TARGETS[collection.dialect]
        for result in results_of(name, target)
        if result.problem
    ]
    print("\n".join(problems) or "everything came as the corpus says")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
