"""Properties as the command line names them."""

from __future__ import annotations

from collections.abc import Sequence

from simdsl.cli.errors import usage
from simdsl.language.property_names import known_names
from simdsl.plan.codes import Code
from simdsl.properties import registry
from simdsl.properties.property import Property
from simdsl.syntax.problems import nearest

ALL = "all"


def find_property(name: str) -> Property:
    """The property that an option names. Raises ``Stop`` with N012."""
    if name not in known_names():
        option = nearest(name, known_names())
        help_ = f"did you mean `{option}`?" if option else "`simdsl properties` lists them all"
        raise usage(Code.N012, f"there is no property `{name}`", help=help_)
    problem = registry.problem(name)
    if problem is not None:
        raise usage(Code.N012, problem)
    return registry.find(name)


def named_properties(names: Sequence[str]) -> tuple[Property, ...]:
    """The properties that options name, each once; `all` means every one."""
    wanted = known_names() if ALL in names else tuple(dict.fromkeys(names))
    return tuple(map(find_property, wanted))
