"""``simdsl explain``: what a diagnostic code means."""

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
        typer.Argument(metavar="[CODE]", help="Such as G201; without one, all are listed.", autocompletion=_codes),
    ] = None,
) -> Exit | None:
    """Explain a diagnostic code, with an example and what to write instead."""
    from simdsl.plan.codes import Code

    if code is None:
        for name, member in Code.__members__.items():
            typer.echo(f"{name}  {member.title}")
        return None
    name = re.sub(r"^(?:error|warning)\[|\]?:?$", "", code.strip()).upper()
    if name not in Code.__members__:
        raise _unknown(code, name)
    from simdsl.plan.pages import page

    typer.echo(page(Code[name]).rstrip())
    return None


def _unknown(text: str, name: str) -> Exception:
    import difflib

    from simdsl.cli.failing import usage
    from simdsl.plan.codes import Code

    close = difflib.get_close_matches(name, list(Code.__members__), n=1, cutoff=0.5)
    return usage(
        Code.U006,
        f"there is no diagnostic code `{text}`",
        help=f"did you mean `{close[0]}`?" if close else "`simdsl explain` lists them all",
    )
