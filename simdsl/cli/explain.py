"""``simdsl explain``: what a diagnostic code means, what a property claims, what a backend is sent of a plan."""

import re
from typing import Annotated

import typer

from simdsl.cli.exits import Exit


def _codes(incomplete: str) -> list[tuple[str, str]]:
    from simdsl.plan.codes import Code

    return [(name, code.title) for name, code in Code.__members__.items() if name.startswith(incomplete.upper())]


def explain(
    code: Annotated[
        str | None,
        typer.Argument(
            metavar="[CODE]",
            help="Such as G201, a property's name, or a plan's file; without one, all codes are listed.",
            autocompletion=_codes,
        ),
    ] = None,
    backend: Annotated[
        str,
        typer.Option("--backend", "-b", metavar="URL", help="With a plan: for this backend.", envvar="SIMDSL_BACKEND"),
    ] = "sqlite",
) -> Exit | None:
    """Explain a diagnostic code, with an example and what to write instead.

    Given a property's name, show its specification. Given a plan's file, show every statement as the plan has it and as the
    backend is sent it. Nothing runs.
    """
    from simdsl.plan.codes import Code

    if code is not None and code.endswith((".yaml", ".yml", ".json")):
        _plan(code, backend)
        return None

    if code is None:
        for name, member in Code.__members__.items():
            typer.echo(f"{name}  {member.title}")
        return None
    name = re.sub(r"^(?:error|warning)\[|\]?:?$", "", code.strip()).upper()
    if name not in Code.__members__ and _property(code):
        return None
    if name not in Code.__members__:
        raise _unknown(code, name)
    from simdsl.plan.resources import page

    typer.echo(page(Code[name]).rstrip())
    return None


def _property(name: str) -> bool:
    """Show a property, if there is one of this name."""
    from simdsl.language.property_names import is_property

    if not is_property(name):
        return False
    from simdsl.properties import registry

    problem = registry.problem(name)
    if problem is not None:
        typer.echo(problem)
        return True
    found = registry.find(name)
    needs = f"\n\nNeeds: {', '.join(found.needs)}." if found.needs else ""
    typer.echo(f"{found.name}: {found.specification.strip()}{needs}")
    return True


def _plan(path: str, url: str) -> None:
    from simdsl.backends.protocol import BackendUnavailable
    from simdsl.backends.registry import resolve
    from simdsl.backends.urls import mask
    from simdsl.cli.errors import unavailable
    from simdsl.cli.exits import Stop
    from simdsl.cli.show_sql import sql_lines
    from simdsl.language.load import check_file

    checked = check_file(path)
    if checked.plan is None:
        raise Stop(Exit.BAD_INPUT, *checked.diagnostics)
    try:
        backend = resolve(url)
    except BackendUnavailable as error:
        raise unavailable(str(error), about=mask(url)) from error
    for line in sql_lines(checked.plan, backend, only_changed=False):
        typer.echo(line)


def _unknown(text: str, name: str) -> Exception:
    import difflib

    from simdsl.cli.errors import usage
    from simdsl.language.property_names import known_names
    from simdsl.plan.codes import Code

    close = difflib.get_close_matches(name, list(Code.__members__), n=1, cutoff=0.5)
    close = close or difflib.get_close_matches(text, known_names(), n=1, cutoff=0.6)
    return usage(
        Code.U006,
        f"there is no diagnostic code `{text}`",
        help=f"did you mean `{close[0]}`?" if close else "`simdsl explain` lists them all",
    )
