"""Every bundled plan that is meant for both runs on SQLite and on another backend with no false alarm."""

from __future__ import annotations

import pytest

from simdsl.core.verdicts import Verdict
from tests.plans.bundled import MVCC, NAMES, plan_of, problem, why_skipped
from tests.runs.comparing import compare_loaded

pytestmark = pytest.mark.slow

APSW = "sqlite?driver=apsw"
OTHERS = ("postgres", "libsql", "turso", MVCC, APSW)

# To explore takes long, and says nothing of MVCC that single orders do not say.
RUNS = [(name, other) for name in NAMES for other in OTHERS if other != MVCC or plan_of(name).tasks is None]


@pytest.mark.parametrize(("name", "other"), RUNS)
def test_it_holds_or_differs_for_a_reason(name: str, other: str) -> None:
    if (missing := problem(other)) is not None:
        pytest.skip(missing)
    ended = compare_loaded(plan_of(name), "sqlite", other).ended
    meant = why_skipped(name, "sqlite") is None and (other == APSW or why_skipped(name, other) is None)
    if not meant:
        assert ended.verdict is Verdict.SKIP
        assert ended.reason
        return
    assert ended.verdict in (Verdict.PASS, Verdict.WARN), (ended.reason, ended.failed and ended.failed.failure)
    assert ended.assertions > 0
    assert (ended.verdict is Verdict.WARN) == bool(ended.warnings)
    for warning in ended.warnings:
        assert warning.startswith(("known difference: ", "race: ", "later differences ")), warning
        assert "without `why:`" not in warning
