"""The only owner of randomness: every random decision is a function of (seed, purpose, place).

There is no generator whose state advances. With one, removing a step would shift every later decision, and a shrunk plan
would fail for another reason or not at all. The function is a keyed hash rather than ``hash()``, so two processes agree
whatever their PYTHONHASHSEED.

The second half samples which actions the tasks of a workload perform in a run, by the same principle: removing an action
from a task, or adding one, changes no other.

``Sampler`` serves generators, which take some 24 decisions a step where a hash costs half a microsecond: it cuts several
decisions out of one hash, as digits of a large number in a mixed radix. Samplers of different places are independent."""

from __future__ import annotations

import os
from _blake2 import blake2b
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from simdsl.plan.deferred import dataclass
from simdsl.plan.plan import IntegerRange, OneOf, ValueDomain, Workload, WorkloadAction
from simdsl.plan.steps import BlockStep, Step
from simdsl.plan.values import Value, same

T = TypeVar("T")


_SIZE: Final = 2**64


_BIAS: Final = 16  # bits that stay unused: with 2**16 times more values than choices, no choice is noticeably more likely


_SCALE: Final = 2**16  # the resolution of rates; a coarser one would serve more decisions with one hash


_BORDER: Final = "\x1f"  # as `choices` joins the parts of a place; joined here once, not for every hash


class Sampler:
    """Any number of decisions at one place, each a function of the place and of how many came before it."""

    __slots__ = ("_purpose", "_rest", "_room", "_seed", "_times")

    def __init__(self, seed: int, purpose: str, *place: int | str) -> None:
        self._seed = seed
        self._purpose = _BORDER.join((purpose, *map(str, place)))
        self._times = 0
        self._rest = 0
        self._room = 0

    def below(self, limit: int) -> int:
        """A number from 0 up to, not including, ``limit``, which is at least 1 and below 2**48."""
        if self._room < limit << _BIAS:
            self._refill()
        # The rest of the number is uniform below ``_room``; a digit is taken off its end, and both shrink by its radix.
        self._room //= limit
        self._rest, digit = divmod(self._rest, limit)
        return digit

    def _refill(self) -> None:
        self._rest = choose_below(_SIZE, self._seed, self._purpose, self._times)
        self._room = _SIZE
        self._times += 1

    def chance(self, rate: float) -> bool:
        """True at this rate, between 0 and 1. Rates of 0 and 1 are never and always."""
        if self._room < _SCALE << _BIAS:
            self._refill()
        self._room //= _SCALE
        self._rest, digit = divmod(self._rest, _SCALE)
        return digit < rate * _SCALE

    def one_of(self, items: Sequence[T]) -> T:
        """One of the items, of which there must be at least one."""
        return items[self.below(len(items))]


class SingleHashSampler:
    """A few decisions at one place, out of the 64 bits of one hash; when they are used up, every further digit is 0.

    Expressions use one for each node. A node needs few decisions, and without a check for the bits that are left each of
    them is four times as fast as one of ``Sampler``.
    """

    __slots__ = ("_rest",)

    def __init__(self, seed: int, purpose: str, *place: int | str) -> None:
        self._rest = choose_below(_SIZE, seed, purpose, *place)

    def below(self, limit: int) -> int:
        """A number from 0 up to, not including, ``limit``."""
        self._rest, digit = divmod(self._rest, limit)
        return digit


SEED_BITS: Final = 32


def fresh_seed() -> int:
    """An unpredictable seed, for a run that was given none. It is reported before it is used, so the run can be repeated."""
    return int.from_bytes(os.urandom(SEED_BITS // 8), "big")


def fresh_name() -> str:
    """16 hexadecimal digits for a name that must not clash, such as a database's. It is never part of a trace."""
    return os.urandom(8).hex()


def choose_below(below: int, seed: int, purpose: str, *place: int | str) -> int:
    """An integer from 0 up to, but not including, ``below`` (at least 1): the same one for the same arguments."""
    # A separator that no purpose contains, so that ("a", "b") and ("ab",) are different keys.
    key = "\x1f".join((str(seed), purpose, *map(str, place))).encode()
    return int.from_bytes(blake2b(key, digest_size=8).digest(), "big") % below


def shuffled(count: int, seed: int, purpose: str, *place: int | str) -> tuple[int, ...]:
    """A permutation of ``0 .. count-1``."""
    order = list(range(count))
    for i in range(count - 1, 0, -1):
        j = choose_below(i + 1, seed, purpose, *place, i)
        order[i], order[j] = order[j], order[i]
    return tuple(order)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledAction:
    """An action that a task performs, and the values that were sampled for it, in the order of its ``with:``."""

    action: WorkloadAction
    values: tuple[tuple[str, Value], ...]


def run_seed(seed: int, index: int) -> int:
    """The seed of one run of a random schedule, counted from 0. The first run has the plan's own seed."""
    return seed if index == 0 else choose_below(2**SEED_BITS, seed, "workload.run", index)


def sample_actions(workload: Workload, seed: int, task: str) -> Iterator[SampledAction]:
    """The actions of a task, in order."""
    total = sum(action.weight for action in workload.actions)
    for index in range(workload.repeat):
        at = choose_below(total, seed, "workload.action", task, index)
        for action in workload.actions:
            if at < action.weight:
                yield SampledAction(action=action, values=_sample_values(action, seed, task, index))
                break
            at -= action.weight


def steps_for_task(steps: Sequence[Step], task: str) -> tuple[Step, ...]:
    """The steps of an action with this task as the one that performs them."""
    return tuple(
        replace(step, body=steps_for_task(step.body, task)) if isinstance(step, BlockStep) else replace(step, task=task)
        for step in steps
    )


def _sample_values(action: WorkloadAction, seed: int, task: str, index: int) -> tuple[tuple[str, Value], ...]:
    found: list[tuple[str, Value]] = []
    taken: list[Value] = []
    for one in action.drawn:
        is_distinct = one.name in action.distinct
        value = _sample_value(one.source, taken if is_distinct else (), seed, task, index, one.name)
        found.append((one.name, value))
        if is_distinct:
            taken.append(value)
    return tuple(found)


def _sample_value(source: ValueDomain, taken: Sequence[Value], seed: int, task: str, index: int, name: str) -> Value:
    """A value of the domain that is not taken. The loader has made sure that there is one."""
    place = (task, index, name)
    if isinstance(source, OneOf):
        left = [value for value in source.values if not any(same(value, other) for other in taken)]
        return left[choose_below(len(left), seed, "workload.value", *place)]
    return _sample_integer(source, taken, seed, place)


def _sample_integer(source: IntegerRange, taken: Sequence[Value], seed: int, place: tuple[str, int, str]) -> int:
    # Sample among as many integers as are left, then step over the taken ones below: every free integer is equally likely,
    # and no loop repeats until it hits one.
    gaps = sorted({one for one in taken if type(one) is int and source.first <= one <= source.last})
    value = source.first + choose_below(source.last - source.first + 1 - len(gaps), seed, "workload.value", *place)
    for gap in gaps:
        value += value >= gap
    return value
