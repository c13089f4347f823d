"""What a backend states about itself is true, and nothing else in the code states it again."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from simdsl.backends.protocol import BackendUnavailable
from simdsl.backends.registry import resolve
from simdsl.plan.backend_facts import (
    BACKEND_NAMES,
    BUILT_IN_BACKENDS,
    RESERVED_NAMES,
    BackendFacts,
    built_in_facts,
    dialect_of_backend,
    facts_of,
    generated_plan_backends,
    row_locking_backends,
)
from simdsl.plan.sql import Dialect
from simdsl.testing.conformance import Conformance

ROOT = Path(__file__).parents[2]
EVERY = pytest.mark.parametrize("facts", built_in_facts(), ids=lambda facts: str(facts.name))


@EVERY
def test_backend_is_what_its_facts_say(facts: BackendFacts) -> None:
    backend = resolve(facts.example_url or facts.name)
    assert (backend.name, backend.dialect) == (facts.name, facts.dialect)
    assert facts.name in facts.schemes
    assert import_module(facts.module).from_url
    # Only an engine that makes statements wait can lock single rows.
    assert backend.capabilities.blocks_on_locks or not facts.locks_rows


@EVERY
def test_every_other_parameter_of_a_url_is_refused(facts: BackendFacts) -> None:
    if facts.name == "postgres":
        pytest.skip("other parameters are libpq's")
    with pytest.raises(BackendUnavailable, match="has no URL parameter `no_such`"):
        resolve(f"{facts.example_url or facts.name}?no_such=1")


@EVERY
def test_documentation_and_extra_exist(facts: BackendFacts) -> None:
    assert (ROOT / "docs" / facts.page).is_file()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert facts.extra is None or facts.extra in project["optional-dependencies"]


@EVERY
def test_deviations_name_rules_of_the_suite(facts: BackendFacts) -> None:
    rules = {name.removeprefix("test_") for name in vars(Conformance)}
    assert {deviation.rule for deviation in facts.deviations} <= rules


@EVERY
def test_modules_to_preload_exist(facts: BackendFacts) -> None:
    for module in facts.preloads:
        assert import_module(module)


def test_options_stand_for_urls() -> None:
    urls = {facts.name: facts.url_of_options for facts in built_in_facts() if facts.option_prefix}
    assert set(urls) == {"postgres", "mssql", "turso"}
    given = {"host": "db", "port": "1", "db-path": "x.db"}
    assert [url and url(given) for url in urls.values()] == [
        "postgresql://?host=db&port=1&db-path=x.db",
        "mssql://db:1/",
        "turso:///x.db",
    ]


def test_names_and_dialects() -> None:
    assert (*BUILT_IN_BACKENDS, *RESERVED_NAMES) == BACKEND_NAMES
    assert dialect_of_backend("mssql") is Dialect.TSQL
    assert dialect_of_backend("duckdb") is Dialect.DUCKDB
    assert dialect_of_backend("odbc") is None
    with pytest.raises(LookupError, match="no backend `duckdb` comes with simdsl"):
        facts_of("duckdb")


def test_where_generated_plans_run_begins_with_their_own_dialect() -> None:
    assert generated_plan_backends() == ("sqlite", "libsql", "turso", "postgres")
    assert row_locking_backends() == ("postgres", "mssql")


def test_facts_load_no_driver() -> None:
    code = (
        "import sys; from simdsl.plan.backend_facts import built_in_facts; built_in_facts()\n"
        "print([name for name in ('sqlite3', 'psycopg', 'pyodbc', 'turso', 'libsql_experimental', 'sqlalchemy', 'greenlet')"
        " if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
