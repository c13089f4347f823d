"""What is stored of a bug: how it was found, what failed, how often it was seen, and what somebody decided about it."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from simdsl.bugbase.damage import Object, damaged, item, read_object, texts
from simdsl.bugbase.states import How, State
from simdsl.language.load import Checked, check_file
from simdsl.modes.alike import Bug
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.values import Json

FORMAT: Final = 1
"""The version of config.json and failure.json. A reader refuses any other."""

PLAN: Final = "plan.yaml"
SHRUNK: Final = "shrunk_plan.yaml"
CONFIG: Final = "config.json"
FAILURE: Final = "failure.json"
TRACE: Final = "trace.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A backend as it was; secrets of the URL are masked."""

    url: str
    driver: str
    driver_version: str
    engine: str
    engine_version: str
    pool: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How a bug was found. ``profile`` is the whole profile that made the plan, None for a plan that somebody wrote."""

    simdsl: str  # the version
    how: How
    seed: int
    file: str  # what the call named
    backends: tuple[Party, ...]  # the first, and those that it was compared with
    profile: Json = None

    def to_json(self) -> Object:
        """As config.json holds it."""
        return {"format": FORMAT, **asdict(self), "how": str(self.how), "backends": [asdict(one) for one in self.backends]}

    @classmethod
    def read(cls, path: Path) -> Config:
        """Raises ``BugbaseError``."""
        data = read_object(path, FORMAT)
        backends = item(data, "backends", list, path)
        if not backends or not all(isinstance(one, dict) for one in backends):
            raise damaged(path, "`backends` is not a list of objects")
        fields = Party.__dataclass_fields__
        return cls(
            simdsl=item(data, "simdsl", str, path),
            how=_word(How, data, "how", path),
            seed=item(data, "seed", int, path),
            file=item(data, "file", str, path),
            backends=tuple(Party(**{name: item(one, name, str, path) for name in fields}) for one in backends),
            profile=data.get("profile"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What failed and how often. Times are UTC, as ``2025-01-31T23:59:59Z``; ``failure`` is as in a trace."""

    bug: Bug
    failure: Object
    first_seen: str
    last_seen: str
    count: int
    state: State = State.OPEN
    why: str | None = None

    @property
    def message(self) -> str:
        """What failed, in one sentence."""
        return str(self.failure.get("message", ""))

    def seen(self, now: str, times: int = 1) -> Record:
        """The record when the bug is found again. One that was thought to be fixed is open again."""
        came_back = self.state is State.FIXED
        return replace(
            self,
            first_seen=min(self.first_seen, now),
            last_seen=max(self.last_seen, now),
            count=self.count + times,
            state=State.OPEN if came_back else self.state,
            why=None if came_back else self.why,
        )

    def to_json(self) -> Object:
        """As failure.json holds it."""
        return {
            "format": FORMAT,
            "verdict": "fail",
            "state": str(self.state),
            "why": self.why,
            "fingerprint": self.bug.fingerprint,
            "said": list(self.bug.said),
            "first_seen": self.first_seen,
            "last_seen": self.last_seen,
            "count": self.count,
            "failure": self.failure,
        }

    @classmethod
    def read(cls, path: Path) -> Record:
        """Raises ``BugbaseError``."""
        data = read_object(path, FORMAT)
        return cls(
            bug=Bug(fingerprint=item(data, "fingerprint", str, path), said=texts(data, "said", path)),
            failure=item(data, "failure", dict, path),
            first_seen=item(data, "first_seen", str, path),
            last_seen=item(data, "last_seen", str, path),
            count=item(data, "count", int, path),
            state=_word(State, data, "state", path),
            why=None if data.get("why") is None else item(data, "why", str, path),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A bug of the base. Its plans are loaded when they are asked for: a property of theirs may no longer be there."""

    folder: Path
    config: Config
    record: Record

    @property
    def name(self) -> str:
        """The name of the folder, by which the command line calls it."""
        return self.folder.name

    @property
    def shrunk(self) -> Path | None:
        """The file of the shrunk plan, if there is one."""
        path = self.folder / SHRUNK
        return path if path.is_file() else None

    def plan_file(self, *, shrunk: bool = False) -> Path:
        """The file of the plan; the shrunk one if that is wanted and there."""
        return (self.shrunk if shrunk else None) or self.folder / PLAN

    def checked(self, *, shrunk: bool = False) -> Checked:
        """The plan, and what is wrong with it."""
        return check_file(str(self.plan_file(shrunk=shrunk)))

    def to_json(self) -> Object:
        """Everything but plans and trace, which are named."""
        return {
            "name": self.name,
            **{key: value for key, value in self.record.to_json().items() if key != "format"},
            "config": {key: value for key, value in self.config.to_json().items() if key != "format"},
            "plan": str(self.plan_file()),
            "shrunk_plan": None if self.shrunk is None else str(self.shrunk),
            "trace": str(self.folder / TRACE),
        }

    @classmethod
    def read(cls, folder: Path) -> Entry:
        """Raises ``BugbaseError``."""
        for name in (PLAN, TRACE):
            if not (folder / name).is_file():
                raise damaged(folder / name, "is missing")
        return cls(folder=folder, config=Config.read(folder / CONFIG), record=Record.read(folder / FAILURE))


def _word(kind: Any, data: Object, key: str, path: Path) -> Any:
    value = item(data, key, str, path)
    if value not in set(kind):
        raise damaged(path, f"`{key}` is `{value}`, and not one of {', '.join(kind)}")
    return kind(value)
