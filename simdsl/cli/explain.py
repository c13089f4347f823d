"""``simdsl explain``: what a diagnostic code means, what a property claims, what SQL a backend is sent for a plan."""

from __future__ import annotations

import difflib
import re

from simdsl.cli.commands import ExplainRequest
from simdsl.cli.errors import usage
from simdsl.cli.exits import Exit, Stop
from simdsl.language.property_names import is_property, known_names
from simdsl.plan.codes import Code
from simdsl.plan.resources import page


def explain(request: ExplainRequest) -> None:
    """Print the page of a code, the specification of a property, or the SQL of a plan. Raises ``Stop``."""
    subject = request.subject
    if subject is None:
        for name, member in Code.__members__.items():
            print(f"{name}  {member.title}")
        return
    if subject.endswith((".yaml", ".yml", ".json")):
        _print_sql(subject, request)
        return
    name = re.sub(r"^(?:error|warning)\[|\]?:?$", "", subject.strip()).upper()  # a code as diagnostics print it
    if name in Code.__members__:
        print(page(Code[name]).rstrip())
    elif is_property(subject):
        _print_property(subject)
    else:
        raise _unknown(subject, name)


def _print_property(name: str) -> None:
    from simdsl.properties import registry  # the generator and the SQL parser, which no code needs

    problem = registry.problem(name)
    if problem is not None:
        print(problem)
        return
    found = registry.find(name)
    needs = f"\n\nNeeds: {', '.join(found.needs)}." if found.needs else ""
    print(f"{found.name}: {found.specification.strip()}{needs}")


def _print_sql(path: str, request: ExplainRequest) -> None:
    # Drivers and the interpreter, which no code needs.
    from simdsl.cli.backend_options import resolve_backends
    from simdsl.cli.show_sql import sql_lines
    from simdsl.language.load import check_file

    checked = check_file(path)
    if checked.plan is None:
        raise Stop(Exit.BAD_INPUT, *checked.diagnostics)
    (backend,) = resolve_backends((request.backend_url,))
    for line in sql_lines(checked.plan, backend, only_translated=False):
        print(line)


def _unknown(text: str, name: str) -> Stop:
    close = difflib.get_close_matches(name, list(Code.__members__), n=1, cutoff=0.5)
    close = close or difflib.get_close_matches(text, known_names(), n=1, cutoff=0.6)
    return usage(
        Code.U006,
        f"there is no diagnostic code `{text}`",
        help=f"did you mean `{close[0]}`?" if close else "`simdsl explain` lists them all",
    )
