"""The corpus is run once in a process, whoever asks for its results."""

from __future__ import annotations

from functools import cache

import pytest

from simdsl.plan.sql import Dialect
from tests.dialect.corpus import Collection, collections
from tests.dialect.page import ResultsOf
from tests.dialect.running import results


@pytest.fixture(scope="session")
def results_of() -> ResultsOf:
    """The results of a collection, by name, on a target; nothing is run for T-SQL."""
    known: dict[str, Collection] = {collection.name: collection for collection in collections()}
    return cache(lambda name, target: results(known[name], target, run=target is not Dialect.TSQL))
