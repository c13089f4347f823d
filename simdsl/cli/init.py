"""``simdsl init`` and ``simdsl schema``: a first plan, and the JSON Schemas for editors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from simdsl.cli.output import unwritable, usage
from simdsl.cli.requests import InitRequest, SchemaRequest
from simdsl.plan import codes
from simdsl.plan.codes import Code

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


def init(request: InitRequest) -> None:
    """Write the plan and, unless it exists, the schema beside it. Raises ``Stop``; nothing is overwritten."""
    file = request.file
    path = Path(file)
    if path.suffix not in (".yaml", ".yml"):
        raise usage(Code.U009, f"`{file}` is not the name of a plan", about=file, help="use a name that ends in .yaml")
    schema, text = path.parent / SCHEMA, codes.path(f"schemas/{SCHEMA}").read_bytes()
    try:
        # "x" lets the file system decide whether the file exists: a check before would leave time for another process.
        with path.open("x", encoding="utf-8") as out:
            out.write(FIRST.format(name=_slug(path.stem)))
        if not schema.exists():
            schema.write_bytes(text)
    except FileExistsError:
        raise usage(Code.U007, "the file already exists", about=file, help="name another file") from None
    except OSError as error:
        raise unwritable(file, error) from None
    print(f"wrote {file}; run it: simdsl run {file}")


def _slug(stem: str) -> str:
    # A name of a plan begins with a letter, and a file may be called `2024.yaml` or in another script altogether.
    slug = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")
    return slug if slug[:1].isalpha() else f"plan-{slug}".rstrip("-")


def schema(request: SchemaRequest) -> None:
    """Print the schema as it is published."""
    print(codes.path(f"schemas/{request.subject}.schema.json").read_text(encoding="utf-8").rstrip())
