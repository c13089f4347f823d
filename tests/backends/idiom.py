"""How an engine is asked what every engine is asked: its schema, its errors, its values, its locks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from simdsl.backends.protocol import Backend, Database
from simdsl.core.clock import Clock
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome
from simdsl.plan.plan import PoolSpec
from simdsl.plan.values import INT64_MAX, INT64_MIN, Value
from tests.backends.terminal import Terminal

Provocation: TypeAlias = Callable[[Backend, Database], Outcome]

VALUES: Final[tuple[Value, ...]] = (
    None,
    0,
    INT64_MIN,
    INT64_MAX,
    0.1,
    -1e308,
    5e-324,
    float("inf"),
    "",
    "'quoted' \"twice\"",
    "naïve 日本語 \U0001f418 e\u0301",
    "x" * 100_000,
    b"",
    b"\x00\xff",
)


@dataclass(frozen=True, kw_only=True)
class Idiom:
    """What differs in the text of the suite's questions, not in their meaning.

    ``schema`` makes ``t (id, v >= 0, w NOT NULL DEFAULT '')`` with the row (1, 1, ''), ``child (id, t REFERENCES t)`` and a
    view ``seen`` over ``t``. ``provocations`` has a way to each class that the backend declares, and to no other.
    """

    schema: tuple[str, ...]
    provocations: Mapping[ErrorClass, Provocation]
    values: tuple[Value, ...] = VALUES  # each comes back from ``SELECT $x`` as it was sent
    turned: Mapping[Value, Value] = field(default_factory=dict)  # what comes back as something else
    refused: Mapping[Value, ErrorClass] = field(default_factory=dict)  # what cannot be sent at all
    recursive: str = "WITH RECURSIVE"
    deferred: tuple[str, ...] = ()  # make ``d (t REFERENCES t)``, checked at COMMIT
    text_type: str = "TEXT"


def saying(*texts: str) -> Provocation:
    """The last of these statements fails; the others must not."""

    def provoke(backend: Backend, world: Database) -> Outcome:
        terminal = Terminal(backend, world)
        terminal.ok(*texts[:-1])
        return terminal.say(texts[-1])

    return provoke


def closed(backend: Backend, world: Database) -> Outcome:
    """A statement on a session that was closed."""
    terminal = Terminal(backend, world)
    terminal.session.close()
    statement = terminal.compiled("SELECT 1")
    outcome = terminal.session.start(statement, ())
    assert outcome is not None
    return outcome


def pool_timeout(backend: Backend, world: Database) -> Outcome:
    """A checkout whose time is over."""
    clock = Clock()
    pool = world.pool(PoolSpec(name="main", size=1, timeout_us=1), clock)
    pool.request("a")
    ticket = pool.request("b")
    clock.advance_to(1)
    outcome = ticket.poll()
    assert isinstance(outcome, Failed)
    return outcome
