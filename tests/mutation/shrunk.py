"""What shrinking came to, as data: the plan that is left of each finding."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from simdsl.language.dump import dump
from simdsl.language.load import load_text
from tests.mutation.shortening import Finding, Shortened

FILE: Final = Path(__file__).resolve().parent / "shrunk.json"


def read(path: Path = FILE) -> Mapping[str, Shortened]:
    """By the names of the bugs, in the order of the file; nothing where there is none."""
    if not path.exists():
        return {}
    return {name: _shortened(name, one) for name, one in json.loads(path.read_text(encoding="utf-8")).items()}


def text(records: Iterable[Shortened]) -> str:
    """The file's text."""
    return json.dumps({one.bug: _record(one) for one in records}, indent=1, ensure_ascii=False) + "\n"


def _record(one: Shortened) -> dict[str, Any]:
    return {
        "property": one.finding.property,
        "profile": one.finding.profile,
        "seed": one.finding.seed,
        "fingerprint": one.fingerprint,
        "found": one.found,
        "tries": one.tries,
        "seconds": round(one.seconds, 1),
        "plan": dump(one.plan).splitlines(),
    }


def _shortened(bug: str, record: Mapping[str, Any]) -> Shortened:
    return Shortened(
        bug=bug,
        finding=Finding(property=record["property"], profile=record["profile"], seed=record["seed"]),
        fingerprint=record["fingerprint"],
        found=record["found"],
        tries=record["tries"],
        seconds=record["seconds"],
        plan=load_text("\n".join(record["plan"]) + "\n"),
    )
