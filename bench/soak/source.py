"""The digest of what decides a verdict: a result of other sources may be another one."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent
_SHOWS_ONLY: Final = ("cli", "report", "shrinker")
_OTHERS: Final = (
    "profiles/*.yaml",
    "grammar/*",
    "bench/soak/work.py",
    "tests/generation/expressions/agreement.py",
    "tests/generation/expressions/tables.py",
)


def digest() -> str:
    """Of simdsl without what only shows results, of the profiles and the grammar, and of what a unit does."""
    files = [path for path in (ROOT / "simdsl").rglob("*.py") if path.parts[len(ROOT.parts) + 1] not in _SHOWS_ONLY]
    files += [path for pattern in _OTHERS for path in ROOT.glob(pattern)]
    sum_ = blake2b(digest_size=6)
    for path in sorted(files):
        data = path.read_bytes()
        sum_.update(f"{path.relative_to(ROOT).as_posix()} {len(data)}\n".encode() + data)
    return sum_.hexdigest()
