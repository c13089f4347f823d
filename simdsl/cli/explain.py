"""``simdsl explain``, ``properties`` and ``backends``: look things up."""

from __future__ import annotations

import difflib
import json
import re
import sys
from collections.abc import Iterator

from simdsl.backends.protocol import Capabilities, Description
from simdsl.backends.registry import InstalledBackend, installed, resolve
from simdsl.cli.output import Exit, Stop, usage
from simdsl.cli.requests import BackendsRequest, ExplainRequest, PropertiesRequest
from simdsl.language.property_names import all_names, is_property, known_names
from simdsl.plan.codes import Code, page
from simdsl.properties import registry
from simdsl.report.screen import screen_of


def explain(request: ExplainRequest) -> None:
    """Print the page of a code, the specification of a property, or the SQL of a plan. Raises ``Stop``."""
    subject = request.subject
    if subject is None:
        for name, member in Code.__members__.items():
            print(f"{name}  {member.title}")
        return
    # By its suffix, not by its existence: a misspelled file is better reported as a missing file than as a missing code.
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
    problem = registry.problem(name)
    if problem is not None:
        print(problem)
        return
    found = registry.find(name)
    needs = f"\n\nNeeds: {', '.join(found.requires)}." if found.requires else ""
    papers = f" ({', '.join(found.aliases)})" if found.aliases else ""
    print(f"{found.name}{papers}: {found.specification.strip()}{needs}")


def _print_sql(path: str, request: ExplainRequest) -> None:
    # Start-up: the interpreter and the loader, which nothing else here needs.
    from simdsl.cli.option_values import resolve_backends, url_of
    from simdsl.cli.run_files import sql_lines
    from simdsl.language.load import check_file

    checked = check_file(path)
    if checked.plan is None:
        raise Stop(Exit.BAD_INPUT, *checked.diagnostics)
    (backend,) = resolve_backends((url_of(request),))
    for line in sql_lines(checked.plan, backend, only_translated=False):
        print(line)


def _unknown(text: str, name: str) -> Stop:
    # Codes are short, so half of the letters must do; names of properties are long.
    close = difflib.get_close_matches(name, list(Code.__members__), n=1, cutoff=0.5)
    close = close or difflib.get_close_matches(text, all_names(), n=1, cutoff=0.6)
    return usage(
        Code.U006,
        f"there is no diagnostic code `{text}`",
        help=f"did you mean `{close[0]}`?" if close else "`simdsl explain` lists them all",
    )


def properties(request: PropertiesRequest) -> None:
    """Print them; what is wrong with those of installed packages goes to standard error."""
    found = list(registry.every())
    for problem in filter(None, map(registry.problem, known_names())):
        print(problem, file=sys.stderr)
    if request.json:
        data = [
            {
                "name": one.name,
                "aliases": list(one.aliases),
                "claim": one.claim,
                "needs": [str(requirement) for requirement in one.requires],
                "specification": one.specification.strip(),
            }
            for one in found
        ]
        print(json.dumps(data, indent=2, ensure_ascii=False))
        return
    screen = screen_of(sys.stdout)
    width = max(len(one.name) for one in found)
    for one in found:
        papers = "".join(f" [{alias}]" for alias in one.aliases)
        print(screen.wrap(f"{one.name:<{width}}  {one.claim}{papers}", rest="    "))


def backends(request: BackendsRequest) -> None:
    """Print each backend with its versions, its capabilities and whether it can be reached."""
    screen = screen_of(sys.stdout)
    for entry in installed():
        for line in _lines(entry):
            print(screen.wrap(line, rest="    "))


def _lines(entry: InstalledBackend) -> Iterator[str]:
    yield f"{entry.name}: {'connected' if entry.problem is None else 'unavailable: ' + entry.problem}"
    if entry.description is not None:
        yield from _versions(entry.description)
    if entry.problem is None:
        yield from _abilities(resolve(entry.name).capabilities)


def _versions(description: Description) -> Iterator[str]:
    yield f"  engine  {description.engine} {description.engine_version}"
    yield f"  driver  {description.driver} {description.driver_version}"
    yield f"  pool    {description.pool}"


def _abilities(capabilities: Capabilities) -> Iterator[str]:
    can = [name.replace("_", " ") for name in capabilities.__dataclass_fields__ if getattr(capabilities, name) is True]
    cannot = [name.replace("_", " ") for name in capabilities.__dataclass_fields__ if getattr(capabilities, name) is False]
    yield f"  can     {', '.join(can)}"
    yield f"  cannot  {', '.join(cannot)}"
    yield f"  levels  {', '.join(sorted(capabilities.isolation_levels)) or 'none'}"
    yield f"  begins  {', '.join(sorted(capabilities.begin_modes)) or 'none'}"
    yield f"  faults  {', '.join(sorted(capabilities.faults)) or 'none'}"
    yield f"  errors  {', '.join(sorted(capabilities.error_classes))}"
