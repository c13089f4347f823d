"""The corpus on the engines: every statement comes to what its entry says."""

from __future__ import annotations

import os

import pytest

from simdsl.plan.sql import Dialect
from tests.dialect.corpus import TARGETS, Collection, collections
from tests.dialect.page import GOLDEN, PAGE, ResultsOf, golden, page, without_versions
from tests.dialect.running import Came, results

PAIRS = [(collection, target) for collection in collections() for target in TARGETS[collection.dialect]]
NAMES = [f"{collection.name}-{target}" for collection, target in PAIRS]


@pytest.mark.slow
@pytest.mark.parametrize(("collection", "target"), PAIRS, ids=NAMES)
def test_everything_comes_as_the_corpus_says(collection: Collection, target: Dialect, results_of: ResultsOf) -> None:
    found = [f"{result.entry.name}: {result.problem}" for result in results_of(collection.name, target) if result.problem]
    assert found == []


def test_the_corpus_is_large() -> None:
    assert sum(len(collection.entries) for collection in collections()) >= 300


@pytest.mark.parametrize("collection", collections(), ids=lambda collection: collection.name)
def test_the_t_sql_is_what_was_read(collection: Collection, results_of: ResultsOf) -> None:
    stored = (GOLDEN / f"{collection.name}.sql").read_text(encoding="utf-8")
    assert without_versions(stored) == without_versions(golden(collection, results_of)), (
        "python -m tests.dialect writes it; read what changed"
    )


@pytest.mark.slow
def test_the_page_is_up_to_date(results_of: ResultsOf) -> None:
    stored = PAGE.read_text(encoding="utf-8")
    assert without_versions(stored) == without_versions(page(results_of)), "python -m tests.dialect writes it"


@pytest.mark.skipif("SIMDSL_MSSQL_URL" not in os.environ, reason="no SQL Server: SIMDSL_MSSQL_URL is not set")
@pytest.mark.parametrize("collection", collections(), ids=lambda collection: collection.name)
def test_the_t_sql_runs(collection: Collection) -> None:
    found = [result for result in results(collection, Dialect.TSQL) if result.came in (Came.DIFFERS, Came.WRONG)]
    unexpected = [f"{one.entry.name}: {one.detail} [{one.text}]" for one in found if Dialect.TSQL not in one.entry.differs]
    assert unexpected == []
