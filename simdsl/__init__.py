"""simdsl: one plan, any backend, every interleaving.

A plan is loaded, run and, if it fails, shrunk:

    import simdsl

    plan = simdsl.load("plan.yaml")
    for event in simdsl.run(plan, backend="sqlite"):
        if isinstance(event, simdsl.RunEnded):
            print(event.report.verdict, event.report.failure)

The names in ``__all__`` are the public API (docs/reference/python.md); everything else may change in any version.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simdsl.api import PlanPassed as PlanPassed
    from simdsl.api import ShrunkPlan as ShrunkPlan
    from simdsl.api import check as check
    from simdsl.api import dump as dump
    from simdsl.api import generate as generate
    from simdsl.api import load as load
    from simdsl.api import loads as loads
    from simdsl.api import run as run
    from simdsl.api import shrink as shrink
    from simdsl.backends.protocol import Backend as Backend
    from simdsl.backends.protocol import BackendUnavailable as BackendUnavailable
    from simdsl.core.verdicts import AllPlansEnded as AllPlansEnded
    from simdsl.core.verdicts import Failure as Failure
    from simdsl.core.verdicts import PlanEnded as PlanEnded
    from simdsl.core.verdicts import PlanStarted as PlanStarted
    from simdsl.core.verdicts import Progress as Progress
    from simdsl.core.verdicts import RunEnded as RunEnded
    from simdsl.core.verdicts import RunReport as RunReport
    from simdsl.core.verdicts import Verdict as Verdict
    from simdsl.plan.diagnostics import Diagnostic as Diagnostic
    from simdsl.plan.diagnostics import PlanError as PlanError
    from simdsl.plan.plan import Plan as Plan
    from simdsl.properties.property import Property as Property
    from simdsl.runs.shrink_driver import NotReproducible as NotReproducible

__version__ = "0.2.0"

# Where each public name is defined. Importing simdsl imports nothing else: `simdsl --help` has to start in milliseconds,
# and a program that only loads plans should not pay for the runner.
_HOMES = {
    "check": "simdsl.api",
    "dump": "simdsl.api",
    "generate": "simdsl.api",
    "load": "simdsl.api",
    "loads": "simdsl.api",
    "run": "simdsl.api",
    "shrink": "simdsl.api",
    "PlanPassed": "simdsl.api",
    "ShrunkPlan": "simdsl.api",
    "Backend": "simdsl.backends.protocol",
    "BackendUnavailable": "simdsl.backends.protocol",
    "AllPlansEnded": "simdsl.core.verdicts",
    "Failure": "simdsl.core.verdicts",
    "PlanEnded": "simdsl.core.verdicts",
    "PlanStarted": "simdsl.core.verdicts",
    "Progress": "simdsl.core.verdicts",
    "RunEnded": "simdsl.core.verdicts",
    "RunReport": "simdsl.core.verdicts",
    "Verdict": "simdsl.core.verdicts",
    "Diagnostic": "simdsl.plan.diagnostics",
    "PlanError": "simdsl.plan.diagnostics",
    "Plan": "simdsl.plan.plan",
    "Property": "simdsl.properties.property",
    "NotReproducible": "simdsl.runs.shrink_driver",
}

__all__ = [
    "__version__",
    *_HOMES,
]


def __getattr__(name: str) -> object:
    """A public name, imported on first use (PEP 562) and kept, so that the second use costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'simdsl' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
