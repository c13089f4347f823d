"""``simdsl init``: a first plan."""

from typing import Annotated, Final

import typer

FIRST: Final = """\
# yaml-language-server: $schema=plan.schema.json
simdsl: 1
plan: {name}
doc: Another session sees nothing before COMMIT and everything after it.
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
steps:
  - a: BEGIN
  - a: INSERT INTO t VALUES (1, 10) => 1 affected
  - b: SELECT count(*) FROM t => 0
  - a: COMMIT
  - b: SELECT id, v FROM t => (1, 10)
"""
SCHEMA: Final = "plan.schema.json"


def init(
    file: Annotated[str, typer.Argument(metavar="[FILE]", help="Where to write it.", show_default=False)] = "first.yaml",
) -> None:
    """Write a first plan that runs and holds, and beside it the schema that an editor completes and checks it by.

    Without FILE it is first.yaml. Nothing is overwritten.
    """
    from pathlib import Path

    from simdsl.cli.errors import usage
    from simdsl.plan import resources
    from simdsl.plan.codes import Code

    path = Path(file)
    if path.suffix not in (".yaml", ".yml"):
        raise usage(Code.U009, f"`{file}` is not named like a plan", about=file, help="let it end in .yaml")
    schema, text = path.parent / SCHEMA, resources.path(f"schemas/{SCHEMA}").read_bytes()
    try:
        with path.open("x", encoding="utf-8") as out:
            out.write(FIRST.format(name=_slug(path.stem)))
        if not schema.exists():
            schema.write_bytes(text)
    except FileExistsError:
        raise usage(Code.U007, "the file exists already", about=file, help="name another one") from None
    except OSError as error:
        raise usage(Code.U009, f"cannot be written: {error.strerror}", about=file) from None
    typer.echo(f"wrote {file}; run it: simdsl run {file}")


def _slug(stem: str) -> str:
    import re

    slug = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")
    return slug if slug[:1].isalpha() else f"plan-{slug}".rstrip("-")
