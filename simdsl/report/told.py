"""What a report needs to speak in the plan's own terms."""

from __future__ import annotations

from simdsl.language.document import Document
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.ir import Identifier, Param, Plan
from simdsl.plan.values import literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A plan and the text it came from."""

    file: str
    plan: Plan
    document: Document | None = None


def params_text(params: tuple[Param, ...]) -> str:
    """An entry of ``params:`` in one line: ``n = 3, who = 'alice'``."""
    return ", ".join(
        f"{param.name} = {param.value.name if isinstance(param.value, Identifier) else literal(param.value)}"
        for param in params
    )
