"""Traces as people write them, for the fixtures: a line an event.

a: SELECT id, v FROM t => (1, 2), (3, NULL)     a step, and what it came to; without an arrow: ok
a: UPDATE t SET v = 1 => error busy             `=> 2 affected`, `=> no rows`, `=> error CLASS`
a: checkout main => error pool_timeout at 9     at a virtual time in microseconds
a on 2: SELECT 1 => (1)                         on that connection
a waits for main at 0                           for the pool; `for a lock` for another session
main lends a 1: 1 busy, 0 idle                  also `takes a 1`, `, 1 waiting`, `, in transaction`
a is rolled back                                by simdsl
a: SELECT v FROM t [cut1_part] => (1, 2)        labelled, in a case that has checks
check: rows(cut1_part) = 1                      of those labels
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from simdsl.core.trace import (
    BlockReason,
    CheckEvaluated,
    PoolChanged,
    SessionRolledBack,
    StepCompleted,
    TaskBlocked,
    TraceEvent,
)
from simdsl.language.load import load_text
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.plan import Plan
from simdsl.plan.values import Value

FIXTURES: Final = Path(__file__).parent / "fixtures"
POOLED: Final = load_text(
    "simdsl: 1\nplan: fixture\npools:\n  main: {size: 2, timeout: 20us}\nsteps:\n  - checkout: a => ok\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A trace, and for one that violates what the violation says."""

    name: str
    says: str | None
    plan: Plan
    events: tuple[TraceEvent, ...]


def cases(name: str, kind: str) -> list[Case]:
    """Those of a fixture file: `holds`, `violates`, or `silent` for what proves nothing."""
    data: Any = YAML(typ="safe").load((FIXTURES / f"{name}.yaml").read_text(encoding="utf-8"))
    return [
        Case(name=one["case"], says=one.get("says"), plan=_plan(one["trace"]), events=_events(one["trace"]))
        for one in data[kind]
    ]


def _plan(lines: list[str]) -> Plan:
    """What the checks stand in: the lines as steps of a plan."""
    if not any(line.startswith(_CHECK) for line in lines):
        return POOLED
    steps: list[dict[str, str]] = []
    for line in lines:
        match = _STEP.fullmatch(line)
        if line.startswith(_CHECK) or match is None:
            steps.append({"check": line.removeprefix(_CHECK)})
        else:
            steps.append({match["task"]: match["what"], **({"label": match["label"]} if match["label"] else {})})
    return load_text(json.dumps({"simdsl": 1, "plan": "fixture", "dialect": "sqlite", "steps": steps}), "fixture.json")


def _events(lines: list[str]) -> tuple[TraceEvent, ...]:
    events = tuple(map(event, lines))
    if not any(isinstance(one, CheckEvaluated) for one in events):
        return events
    return tuple(
        replace(one, path=("steps", i)) for i, one in enumerate(events) if isinstance(one, StepCompleted | CheckEvaluated)
    )


def event(line: str) -> TraceEvent:
    """The event of a line."""
    if line.startswith(_CHECK):
        return CheckEvaluated(task=None, path=(), held=True, readings=(), now_us=0)
    if match := _WAITS.fullmatch(line):
        lock = match["what"] == "a lock"
        return TaskBlocked(
            task=match["task"],
            path=(),
            what="UPDATE" if lock else f"checkout {match['what']}",
            wait=BlockReason.LOCK if lock else BlockReason.POOL,
            until_us=None,
            now_us=int(match["at"] or 0),
        )
    if match := _POOL.fullmatch(line):
        return PoolChanged(
            pool=match["pool"],
            task=match["task"],
            session=int(match["session"]),
            checked_out=match["verb"] == "lends",
            size=2,
            idle=int(match["idle"]),
            busy=int(match["busy"]),
            waiting=int(match["waiting"] or 0),
            in_transaction=match["open"] is not None,
        )
    if line.endswith(" is rolled back"):
        return SessionRolledBack(task=line.split()[0], why="a further attempt")
    match = _STEP.fullmatch(line)
    assert match is not None, line
    return StepCompleted(
        task=match["task"],
        path=(),
        what=match["what"],
        arguments=(),
        outcome=outcome(match["came"] or "ok"),
        in_transaction=None,
        now_us=int(match["at"] or 0),
        session=int(match["session"]) if match["session"] else None,
        has_expectation=False,
        ordered=False,
    )


def outcome(text: str) -> Outcome:
    """What came."""
    if text.startswith("error "):
        return Failed(ErrorClass(text.removeprefix("error ")), "no")
    if text.endswith(" affected"):
        return Affected(int(text.split()[0]))
    if text == "ok":
        return Affected()
    rows = [tuple(map(_value, row.split(", "))) for row in re.findall(r"\(([^)]*)\)", text)]
    return Rows(len(rows[0]) if rows else 2, rows)


def _value(text: str) -> Value:
    return None if text == "NULL" else text.strip("'") if text.startswith("'") else int(text)


_WAITS: Final = re.compile(r"(?P<task>\w+) waits for (?P<what>a lock|\w+)(?: at (?P<at>\d+))?")
_POOL: Final = re.compile(
    r"(?P<pool>\w+) (?P<verb>lends|takes) (?P<task>\w+) (?P<session>\d+): (?P<busy>-?\d+) busy, (?P<idle>-?\d+) idle"
    r"(?:, (?P<waiting>\d+) waiting)?(?P<open>, in transaction)?"
)
_STEP: Final = re.compile(
    r"(?P<task>\w+)(?: on (?P<session>\d+))?: (?P<what>.*?)(?: \[(?P<label>\w+)\])?"
    r"(?: => (?P<came>.*?))?(?: at (?P<at>\d+))?"
)
_CHECK: Final = "check: "
