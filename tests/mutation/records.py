"""What hunts came to, as data: which seeds find which bug."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from tests.mutation.hunting import Hunt

FILE: Final = Path(__file__).resolve().parent / "recorded.json"


def read(path: Path = FILE) -> Mapping[str, Hunt]:
    """By the names of the bugs, in the order of the file."""
    return {name: _hunt(name, one) for name, one in json.loads(path.read_text(encoding="utf-8")).items()}


def text(hunts: Iterable[Hunt]) -> str:
    """The file's text."""
    lines = ",\n".join(f"  {json.dumps(hunt.bug)}: {json.dumps(_record(hunt))}" for hunt in hunts)
    return f"{{\n{lines}\n}}\n"


def _record(hunt: Hunt) -> dict[str, Any]:
    record = asdict(hunt)
    del record["bug"]
    return record


def _hunt(name: str, record: Mapping[str, Any]) -> Hunt:
    return Hunt(
        bug=name,
        finder=record["finder"],
        profile=record["profile"],
        seeds=tuple(record["seeds"]),
        steps=tuple(record["steps"]),
        also=tuple(record["also"]),
    )
