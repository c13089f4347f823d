"""Reading data by shape: text, integers, lists, mappings with a closed set of keys, durations, names; and in which list of
steps a step stands, which decides what it may be.

Every reader takes the data and its path, returns the value or None, and reports a problem where it returns None."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from simdsl.plan.backend_facts import BACKEND_NAMES
from simdsl.plan.codes import Code
from simdsl.plan.deferred import dataclass, lazy_regex
from simdsl.plan.diagnostics import Path
from simdsl.plan.steps import STEP_OPTIONS, VERBS
from simdsl.plan.values import INT64_MAX, INT64_MIN
from simdsl.syntax.document import AmbiguousScalar, Data, PlainScalar, source_text
from simdsl.syntax.expressions import parse_duration
from simdsl.syntax.problems import ParseError, Problems, did_you_mean, nearest, within_one_edit

RESERVED_NAMES: Final = frozenset(
    (*VERBS, *STEP_OPTIONS, *BACKEND_NAMES, "do", "sql", "all", "from", "setup", "finally", "invariants", "workload")
)


class FieldReader:
    """The readers of fields, and the problems that they report."""

    __slots__ = ("problems",)

    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def text(self, data: Data, path: Path) -> str | None:
        """The source text of any scalar, whatever it looks like."""
        found = source_text(data)
        if found is None:
            self.problems.add(Code.S005, f"text is expected here, not {describe_data(data)}", path)
        return found

    def integer(self, data: Data, path: Path, *, least: int = INT64_MIN) -> int | None:
        """An integer of 64 bits, not below ``least``."""
        # A quoted number is text, and True is an int to Python.
        value = data.value if isinstance(data, PlainScalar) else None
        if isinstance(value, bool) or not isinstance(value, int):
            self.problems.add(Code.S008, f"an integer is expected here, not {describe_data(data)}", path)
            return None
        if not least <= value <= INT64_MAX:
            self.problems.add(Code.S008, f"an integer of {least} or more is expected here", path)
            return None
        return value

    def duration_us(self, data: Data, path: Path) -> int | None:
        """A duration such as ``5ms``, in microseconds."""
        text = self.text(data, path)
        if text is None:
            return None
        try:
            return parse_duration(text)
        except ParseError as error:
            self.report(error, path)
            return None

    def items(self, data: Data, path: Path) -> list[Data] | None:
        """A list."""
        if isinstance(data, list):
            return data
        self.problems.add(Code.S006, f"a list is expected here, not {describe_data(data)}", path)
        return None

    def mapping(self, data: Data, path: Path) -> dict[str, Data] | None:
        """A mapping with any keys."""
        if isinstance(data, dict):
            return data
        self.problems.add(Code.S007, f"a mapping is expected here, not {describe_data(data)}", path)
        return None

    def closed(self, data: Data, path: Path, keys: Sequence[str], required: Sequence[str] = ()) -> dict[str, Data] | None:
        """A mapping with a closed set of keys. Unknown and missing keys are reported; the mapping is returned anyway."""
        mapping = self.mapping(data, path)
        if mapping is None:
            return None
        for key in mapping:
            if key not in keys:
                self.problems.add(
                    Code.S002, f"there is no key `{key}` here", (*path, key), key=True, help=did_you_mean(key, keys)
                )
        for key in required:
            if key not in mapping:
                self.problems.add(Code.S003, f"the key `{key}` is missing", path)
        return mapping

    def name(self, text: str, path: Path, what: str, *, key: bool = False) -> bool:
        """Whether a text is a name: lower-case letters, digits and underscores, not starting with a digit."""
        if NAME.fullmatch(text):
            return True
        self.problems.add(
            Code.N001,
            f"`{text}` is not a name for a {what}",
            path,
            key=key,
            help="a name has lower-case letters, digits and `_`, and begins with a letter",
        )
        return False

    def word(self, data: Data, path: Path, options: Sequence[str]) -> str | None:
        """One of a closed set of words."""
        text = self.text(data, path)
        if text is None or text in options:
            return text
        self.problems.add(Code.S016, f"`{text}` cannot stand here", path, help=did_you_mean(text, options))
        return None

    def words(self, data: Data, path: Path, options: Sequence[str] | None = None) -> tuple[str, ...]:
        """A list of texts, each once; of a closed set of words if ``options`` are given."""
        found: dict[str, None] = {}
        for index, item in enumerate(self.items(data, path) or ()):
            place = (*path, index)
            text = self.text(item, place) if options is None else self.word(item, place, options)
            if text is None:
                continue
            if text in found:
                self.problems.add(Code.S017, f"`{text}` stands here twice", place)
            elif not text.strip():
                self.problems.add(Code.S005, "text is expected here, not an empty one", place)
            else:
                found[text] = None
        return tuple(found)

    def task_name(self, text: str, path: Path, *, key: bool = True) -> bool:
        """Whether a text can name a task."""
        # These are keys with a meaning in a step or section; a task of that name could not be written there.
        if text in RESERVED_NAMES:
            self.problems.add(Code.N002, f"`{text}` is reserved, so no task can have this name", path, key=key)
            return False
        close = tuple(verb for verb in VERBS if within_one_edit(text, verb))
        if close:
            verb = nearest(text, close) or close[0]  # `retrn` is as near to `retry` as to `return`
            help_ = f"did you mean `{verb}`?"
            self.problems.add(Code.N003, f"`{text}` is nearly the verb `{verb}`", path, key=key, help=help_)
            return False
        if TASK_NAME.fullmatch(text):
            return True
        self.problems.add(
            Code.N001,
            f"`{text}` is not a name for a task",
            path,
            key=key,
            help=_verb_help(text) or "a task's name has lower-case letters, digits and `_`, and begins with a letter",
        )
        return False

    def report(self, error: ParseError, path: Path) -> None:
        """Report everything that is wrong with the text at a path."""
        for issue in error.issues:
            self.problems.add_issue(issue, path)


def describe_data(data: Data) -> str:
    """The kind of data, for a message."""
    match data:
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case PlainScalar(text=""):
            return "nothing"
        case PlainScalar(value=None):
            return "null"
        case PlainScalar(value=bool()) | PlainScalar() | AmbiguousScalar():
            return f"`{data.text}`"
        case _:  # str
            return "text"


def value_at(data: Data, path: Path) -> Data | None:
    """The data at a path, or None if the path does not exist."""
    here: Data | None = data
    for step in path:
        if isinstance(here, dict) and isinstance(step, str):
            here = here.get(step)
        elif isinstance(here, list) and isinstance(step, int) and step < len(here):
            here = here[step]
        else:
            return None
    return here


def _verb_help(text: str) -> str | None:
    option = nearest(text, VERBS)
    return f"did you mean `{option}`?" if option else None


NAME: Final = lazy_regex(r"[a-z_][a-z0-9_]*")
TASK_NAME: Final = lazy_regex(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """In which list a step stands. ``owner`` is the task of ``tasks:`` or the name of the section, and None in ``steps:``.

    The section of an action is ``workload``.
    """

    section: str
    owner: str | None

    @property
    def task(self) -> str | None:
        """The task that performs a check, a sleep or a fault of this list."""
        return self.owner if self.is_of_tasks else None

    @property
    def is_of_tasks(self) -> bool:
        """Whether the steps are those of one task, run when a schedule chooses it."""
        return self.section in ("tasks", "workload")
