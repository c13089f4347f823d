"""A whole plan from a profile and a seed."""

from __future__ import annotations

from typing import Final

from simdsl.generation.crew import POOL
from simdsl.generation.workload import Workload
from simdsl.plan.ir import Dialect, Plan, PoolSpec
from simdsl.profiles.profile import Profile

BACKENDS: Final = ("sqlite", "libsql", "turso", "postgres")
"""Where generated plans are meant to run. What they expect has been tried on each."""


def generate(profile: Profile, seed: int, dialect: str = "sqlite") -> Plan:
    """The plan: the same one for the same arguments, in every process. ``profile.seed`` is not looked at.

    Raises ``ValueError`` for a dialect other than ``sqlite``, from which statements are carried to the others.
    """
    if dialect != Dialect.SQLITE:
        raise ValueError(f"plans are generated in the dialect sqlite, not {dialect}")
    workload = Workload(profile, seed)
    setup = tuple(workload.setup())
    steps = tuple(workload.steps())
    return Plan(
        name=f"{profile.name}-{seed}",
        doc=f"Generated from the profile {profile.name} with seed {seed}.",
        tags=("generated",),
        dialect=Dialect.SQLITE,
        backends=BACKENDS,
        pools=(PoolSpec(name=POOL, size=profile.pool.size, timeout_us=profile.pool.timeout_us),),
        params=(workload.params,),
        setup=setup,
        steps=steps,
        finally_=tuple(workload.last()),
        seed=seed,
    )
