"""``simdsl generate``: write a generated plan."""

from __future__ import annotations

from simdsl.cli.commands import GenerateRequest
from simdsl.cli.generated_plans import generated_plans
from simdsl.cli.output import write_plan
from simdsl.core.choices import fresh_seed


def generate(request: GenerateRequest) -> None:
    """Write the plan. Raises ``Stop``."""
    names = () if request.property is None else (request.property,)
    generators = generated_plans(names, request)
    seed = next((given for given in (request.seed, generators.seed) if given is not None), None)
    (plan,) = generators.plans(fresh_seed() if seed is None else seed, 1)
    write_plan(plan.plan, request.output)
