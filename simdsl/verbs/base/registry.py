"""The verbs that there are: every module in the package `simdsl.verbs` has one.

A verb is imported when a plan first uses it: most plans use none or two, and a module costs start-up time.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from typing import Any

from simdsl.plan.steps import VERB_MODULES, VERBS, Step
from simdsl.verbs.base.verb import Verb


@cache
def verb_named(name: str) -> Verb[Any]:
    """The verb of this name. Raises ``KeyError`` if there is none."""
    verb = import_module(f"simdsl.verbs.{VERB_MODULES[name]}").VERB
    assert isinstance(verb, Verb)
    assert verb.name == name, f"the module of `{name}` has the verb `{verb.name}`"
    return verb


def verb_of(step: Step) -> Verb[Any]:
    """The verb of a step. Raises ``AttributeError`` for a SQL step, which has none."""
    # The step's class is imported, so its module is, and no other verb needs to be.
    verb = sys.modules[type(step).__module__].VERB
    assert isinstance(verb, Verb)
    return verb


def verbs() -> tuple[Verb[Any], ...]:
    """All verbs, in the order of their names."""
    return tuple(map(verb_named, VERBS))
