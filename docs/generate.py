"""`python docs/generate.py [--check]`: write the pages of the reference that the code knows better than a person.

With --check nothing is written, and the exit code is 1 if a page is not what would be written.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
REFERENCE: Final = ROOT / "docs" / "reference"

# A checkout need not be installed to be documented.
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from simdsl import __version__  # noqa: E402
from simdsl.backends.protocol import Capabilities  # noqa: E402
from simdsl.backends.registry import resolve  # noqa: E402
from simdsl.cli import output  # noqa: E402
from simdsl.cli.command_line import COMMANDS, Command  # noqa: E402
from simdsl.cli.option_groups import PANELS  # noqa: E402
from simdsl.cli.options import Field  # noqa: E402
from simdsl.generation.plans import UNSUPPORTED_KNOBS  # noqa: E402
from simdsl.language.plan_schema import plan_schema  # noqa: E402
from simdsl.language.property_names import built_in  # noqa: E402
from simdsl.oracles.equivalence import RULES  # noqa: E402
from simdsl.oracles.known_differences import (  # noqa: E402
    KNOWN_DIFFERENCES,
    Known,
    KnownDifference,
    KnownKeys,
    KnownOrder,
    KnownValues,
)
from simdsl.plan import codes  # noqa: E402
from simdsl.plan.backend_facts import built_in_facts  # noqa: E402
from simdsl.plan.codes import Code  # noqa: E402
from simdsl.plan.outcomes import ErrorClass  # noqa: E402
from simdsl.plan.sql import Dialect  # noqa: E402
from simdsl.profiles.load import DEFAULT, check_profile  # noqa: E402
from simdsl.profiles.profile import (  # noqa: E402
    NAME_KEY,
    Knob,
    KnobType,
    Profile,
    knobs,
    to_keys,
)
from simdsl.profiles.profile import schema as profile_schema  # noqa: E402
from simdsl.properties.registry import find  # noqa: E402
from simdsl.report.trace_schema import trace_schema  # noqa: E402

_PARTS: Final = ("Claim", "Steps", "Violated when", "Evidence")

_FAMILIES: Final = {
    "F": "Files",
    "Y": "Ambiguous YAML",
    "J": "JSON",
    "S": "Structure",
    "G": "The grammar of a string",
    "N": "Names",
    "R": "Rules of the language",
    "B": "Backends",
    "U": "Usage of the command line",
    "D": "Comparing runs",
    "P": "Profiles",
    "K": "Stored bugs and campaigns",
    "X": "Internal errors",
    "W": "Warnings",
}


def main(arguments: list[str]) -> int:
    """Write, or compare."""
    parser = argparse.ArgumentParser(prog="python docs/generate.py", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a page would change")
    options = parser.parse_args(arguments)
    stale = {name: text for name, text in files().items() if _read(ROOT / name) != text}
    for name, text in stale.items():
        if options.check:
            print(f"{name} is not what `python docs/generate.py` writes")
        else:
            (ROOT / name).write_text(text, encoding="utf-8")
            print(f"{name} written")
    return 1 if options.check and stale else 0


def files() -> dict[str, str]:
    """Everything that is generated, by its path in the repository."""
    return {
        "schemas/plan.schema.json": _json(plan_schema()),
        "schemas/trace.schema.json": _json(trace_schema()),
        **{f"docs/reference/{name}": text for name, text in pages().items()},
    }


def _json(value: Any, indent: str = "") -> str:
    """JSON, each value on one line if it fits there."""
    line = json.dumps(value, ensure_ascii=False)
    if not indent:
        return f"{_json_block(value, '')}\n"
    return line if len(indent) + len(line) <= 120 else _json_block(value, indent)


def _json_block(value: Any, indent: str) -> str:
    deeper = indent + "  "
    match value:
        case dict():
            items = [f"{deeper}{json.dumps(key)}: {_json(item, deeper)}" for key, item in value.items()]
            brackets = "{}"
        case list():
            items = [f"{deeper}{_json(item, deeper)}" for item in value]
            brackets = "[]"
        case _:  # a scalar has no lines to be cut into
            return json.dumps(value, ensure_ascii=False)
    return f"{brackets[0]}\n" + ",\n".join(items) + f"\n{indent}{brackets[1]}"


def pages() -> dict[str, str]:
    """The generated pages by their names."""
    return {
        "cli.md": _page("The command line", _cli()),
        "codes.md": _page("Diagnostic codes", _codes()),
        "backends.md": _page("Backends and their capabilities", _backends()),
        "equivalences.md": _page("Equal values on two backends", _equivalences()),
        "profiles.md": _page("Profiles", _profiles()),
        "properties.md": _page("Properties", _properties()),
        "trace.md": _page("The trace format", _trace()),
    }


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _page(title: str, lines: Iterator[str]) -> str:
    made = f"Made by `python docs/generate.py` of simdsl {__version__}; do not edit."
    return "\n".join([f"# {title}", "", made, "", *lines]).rstrip("\n") + "\n"


# cli.md


def _cli() -> Iterator[str]:
    yield "```text"
    yield "simdsl [--version] [--install-completion] [--show-completion] [-h | --help] COMMAND ..."
    yield "```"
    yield ""
    yield "| command | what it does |"
    yield "|---|---|"
    for name, command in COMMANDS.items():
        yield f"| [`simdsl {name}`](#{_anchor(f'simdsl {name}')}) | {command.summary} |"
    yield ""
    yield "`--install-completion` and `--show-completion` are for the current shell. Every command has `--help`."
    yield ""
    for command in COMMANDS.values():
        yield from _command(command)
    yield "## Exit codes"
    yield ""
    yield "| code | meaning |"
    yield "|---|---|"
    for code, comment in _exit_codes():
        yield f"| {code} | {comment} |"
    yield ""
    yield "## Environment"
    yield ""
    yield "| variable | effect |"
    yield "|---|---|"
    yield "| `SIMDSL_BACKEND` | the default of `--backend` |"
    yield "| `SIMDSL_MSSQL_URL` | the server that `--backend mssql` means |"
    yield "| `PGHOST`, `PGHOSTADDR`, `PGSERVICE` ... | those of libpq: the server that `--backend postgres` means |"
    yield "| `XDG_CACHE_HOME` | the directory for the embedded PostgreSQL's initial cluster (default `~/.cache`) |"
    yield "| `SIMDSL_DEBUG` | set to anything: an internal error shows its traceback |"
    yield "| `NO_COLOR` | set to anything: no colors |"
    yield "| `CI` | set to anything: no progress line |"
    yield "| `COLUMNS` | the width of the output |"


def _command(command: Command) -> Iterator[str]:
    fields = [field for field in command.request.fields.values() if not field.option.hidden]
    arguments = [field for field in fields if field.option.is_argument]
    yield f"## simdsl {command.name}"
    yield ""
    yield "```text"
    yield " ".join(["simdsl", command.name, "[OPTIONS]", *map(_usage, arguments)])
    yield "```"
    yield ""
    yield command.help
    yield ""
    for field in arguments:
        if field.option.help:
            yield f"`{field.option.metavar}`: {field.option.help[0].lower()}{field.option.help[1:]}"
            yield ""
    headings = dict.fromkeys(field.option.panel for field in fields if not field.option.is_argument)
    for heading in sorted(headings, key=lambda heading: PANELS.index(heading) if heading in PANELS else len(PANELS)):
        if len(headings) > 1:
            yield f"### {heading}"
            yield ""
        yield "| option | effect |"
        yield "|---|---|"
        for field in fields:
            if field.option.panel == heading and not field.option.is_argument:
                yield _option(field)
        yield ""


def _usage(field: Field) -> str:
    metavar = f"{field.option.metavar}..." if field.repeats else field.option.metavar or ""
    return metavar if field.is_required or metavar == "PATHS..." else f"[{metavar}]"


def _option(field: Field) -> str:
    option = field.option
    takes = "" if field.is_flag else f" {option.metavar or '|'.join(option.choices)}"
    spellings = (*option.names, *((option.off,) if option.off else ()))
    names = ", ".join(f"`{name}{takes}`" for name in spellings)
    notes = []
    if takes and field.default not in (None, ()) and "(default" not in option.help:
        notes.append(f"default: `{field.default}`")
    if option.variable:
        notes.append(f"environment: `{option.variable}`")
    if option.aliases:
        notes.append(f"older name: {', '.join(f'`{name}`' for name in option.aliases)}")
    text = f"{option.help} ({'; '.join(notes)})" if notes else option.help
    return f"| {_cell(names)} | {_cell(text)} |"


def _cell(text: str) -> str:
    """Text within a table, where a bar would end the cell."""
    return text.replace("|", "\\|")


def _exit_codes() -> Iterator[tuple[int, str]]:
    """The members of ``Exit`` and the comments beside them."""
    for name, comment in re.findall(r"^    ([A-Z_]+) = \d+  # (.+)$", inspect.getsource(output.Exit), re.MULTILINE):
        yield int(output.Exit[name]), comment


# codes.md


def _codes() -> Iterator[str]:
    yield "`simdsl explain CODE` shows one of these pages. A code never changes its meaning. Its letter is its family. Codes"
    yield "that begin with W are warnings, all others are errors."
    yield ""
    for letter, title in _FAMILIES.items():
        yield f"**{title}**"
        yield ""
        for code in Code:
            if code.name.startswith(letter):
                yield f"- [{code.name}](#{_anchor(f'{code.name}: {code.title}')}): {code.title}"
        yield ""
    for code in Code:
        yield from _code(code)


def _code(code: Code) -> Iterator[str]:
    path = ROOT / "simdsl" / "plan" / "pages" / f"{code.name}.md"
    text = path.read_text(encoding="utf-8").strip()
    fenced = False
    for line in text.split("\n"):
        fenced ^= line.startswith("```")
        yield f"#{line}" if line.startswith("#") and not fenced else line
    yield ""


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


# backends.md


def _backends() -> Iterator[str]:
    yield "`simdsl backends` shows the same for the backends that are installed, including your own, and whether each can be"
    yield "reached."
    yield ""
    yield "## Select a backend"
    yield ""
    yield "| `--backend` | what it selects |"
    yield "|---|---|"
    for facts in built_in_facts():
        for form in facts.url_forms:
            yield f"| {', '.join(f'`{url}`' for url in form.urls)} | {form.selects} |"
    yield from _OTHER_SELECTORS
    yield ""
    yield "`name=` before any of these gives the backend this name in plans and reports. Passwords in a URL, and parameters"
    yield "with the name of a secret (`password`, `token`, `key`, ...), are shown as `***`."
    yield ""
    yield "Options such as `--pg-host`, `--turso-db-path` and `--mssql-host` can be used instead of a URL"
    yield "([simdsl run](cli.md#simdsl-run))."
    yield ""
    yield "## URL parameters"
    yield ""
    for facts in built_in_facts():
        yield f"**{facts.name}** ([how](../{facts.page}))"
        yield ""
        for option, meaning in facts.url_options.items():
            yield f"- `?{option}=`: {meaning}"
        yield ""
    urls: dict[str, str] = {}
    for facts in built_in_facts():
        urls |= {facts.name: facts.example_url or facts.name, **facts.variants}
    shown = {name: resolve(url).capabilities for name, url in urls.items()}
    yield "## Capabilities"
    yield ""
    yield "A plan that needs something that a backend lacks is skipped there, with the reason."
    yield ""
    yield f"| capability | meaning | {' | '.join(shown)} |"
    yield f"|---|---|{'---|' * len(shown)}"
    yield from _capabilities(tuple(shown.values()))
    yield ""
    yield "## Error classes"
    yield ""
    yield "`=> error CLASS` names one of these. A class has a SQLSTATE if SQL or PostgreSQL defines one. A backend declares"
    yield "the classes that it can return, and the conformance suite provokes each of them on the engine (on SQL Server only"
    yield "if one is available). An unknown error of a driver is `other`."
    yield ""
    yield f"| class | SQLSTATE | {' | '.join(shown)} |"
    yield f"|---|---|{'---|' * len(shown)}"
    for error_class in ErrorClass:
        gives = " | ".join("yes" if error_class in one.error_classes else "" for one in shown.values())
        yield f"| `{error_class}` | {error_class.sqlstate or ''} | {gives} |"
    yield ""
    yield "A bare `=> error` accepts every class except `connection_lost`, `driver_panic` and `other`."
    yield ""
    yield "## Differences"
    yield ""
    yield "The conformance suite consists of rules for every backend. If an engine breaks a rule, the backend declares it,"
    yield "and the suite tests what the engine does instead."
    yield ""
    for facts in built_in_facts():
        yield f"**{facts.name}**"
        yield ""
        for deviation in facts.deviations:
            yield f"- {deviation.rule.replace('_', ' ')}: {deviation.does} ({deviation.why})"
        if not facts.deviations:
            yield "- none"
        yield ""


_OTHER_SELECTORS: Final = (
    '| `python:package.module:factory?key=value` | what `factory(key="value")` returns |',
    "| `mine`, `mine?key=value` | what the entry point `mine` of the group `simdsl.backends` makes |",
    '| `mine:///place?key=value` | the same, called with `url="mine:///place"` too |',
)
_MEANINGS: Final = {
    "isolation_levels": "what may stand behind `ISOLATION LEVEL`",
    "begin_modes": "what may stand behind `BEGIN`",
    "blocks_on_locks": "a statement may wait for a lock, so that `=> blocks` makes sense",
    "snapshot_reads": "a query neither waits for others who write, nor fails for them",
    "savepoints": "`SAVEPOINT`, `ROLLBACK TO`, `RELEASE`",
    "transactional_ddl": "DDL rolls back with its transaction",
    "returning": "DML may have a result set",
    "upsert": "`INSERT ... ON CONFLICT`, or the like",
    "boolean_type": "booleans are a type; without one, `true` meets 1",
    "deferred_constraints": "constraints may be checked at COMMIT",
    "nulls_first": "an ascending ORDER BY puts NULL first",
    "integer_division": "7 / 2 is 3",
    "cancel": "a statement under way can be cancelled",
    "faults": "first words of `fault:` lines",
}


def _capabilities(shown: tuple[Capabilities, ...]) -> Iterator[str]:
    for name in Capabilities.__dataclass_fields__:
        if name == "error_classes":
            continue
        values = " | ".join(_capability(getattr(one, name)) for one in shown)
        yield f"| {name.replace('_', ' ')} | {_MEANINGS[name]} | {values} |"


def _capability(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    assert isinstance(value, frozenset)
    return ", ".join(sorted(str(item) for item in value)) or "none"


# equivalences.md


def _equivalences() -> Iterator[str]:
    yield "`simdsl run --differential` compares two backends ([how to use it](../how-to/compare-two-backends.md)). Backends"
    yield "of the same dialect have to return identical values, where `-0.0` equals `0.0`, NaN equals NaN, and the scale of"
    yield "a decimal is ignored. Between dialects, values are also equal by these rules."
    yield ""
    yield "## Rules"
    yield ""
    yield "| rule | two values are equal | because |"
    yield "|---|---|---|"
    for rule in RULES:
        yield f"| {rule.name} | {_cell(rule.says)} | {_cell(rule.why)} |"
    yield ""
    yield "## Known differences"
    yield ""
    yield "A difference that the manuals document is reported as a warning, and not as a failure. It explains a step only if"
    yield "both outcomes are exactly the predicted ones."
    yield ""
    yield "| name | difference | between |"
    yield "|---|---|---|"
    for known in KNOWN_DIFFERENCES:
        yield f"| {known.name} | {_cell(known.reason)} | {_met(known)} ([manual]({known.link})) |"
    yield ""


def _met(known: Known) -> str:
    match known:
        case KnownDifference(fine=fine, strict=strict, classes=classes, instead=instead):
            here = f"{_all_of(instead, ' or ')} on {_names(fine)}" if instead else f"well on {_names(fine)}"
            return f"{here}, {_all_of(classes, ' or ')} on {_names(strict)}"
        case KnownValues(between=between):
            return f"other values on {_names(between)}"
        case KnownKeys(dense=dense, gaps=gaps):
            return f"larger numbers on {_names(gaps)} than on {_names(dense)}"
        case KnownOrder(plain=plain, collated=collated):
            return f"another order of texts on {_names(collated)} than on {_names(plain)}"


def _all_of(classes: frozenset[ErrorClass], between: str) -> str:
    return between.join(f"`{one}`" for one in sorted(classes))


def _names(names: frozenset[str]) -> str:
    """Dialects and engines; of most dialects, those that are not meant."""
    every = frozenset(map(str, Dialect))
    left_out = every - names
    if not left_out:
        return "any"
    if names <= every and len(left_out) <= 2:
        return f"any but {', '.join(sorted(left_out))}"
    return ", ".join(sorted(names))


# profiles.md


def _profiles() -> Iterator[str]:
    properties = profile_schema()["properties"]
    yield "A profile says what generated plans are made of ([how](../how-to/write-a-profile.md))."
    yield ""
    yield "`simdsl schema profile` prints the JSON Schema from which this page is made. A profile is YAML or JSON."
    yield ""
    yield "## Bundled profiles"
    yield ""
    yield "| profile | what it is for | extends |"
    yield "|---|---|---|"
    for path in sorted(codes.path("profiles").glob("*.yaml")):
        merged = check_profile(str(path)).merged
        assert merged is not None, path
        files = [label.removeprefix("bundled ") for label in dict.fromkeys(merged.origins.values()) if label != DEFAULT]
        above = ", ".join(f"`{Path(file).stem}`" for file in files if Path(file).stem != path.stem)
        yield f"| `{path.stem}` | {_cell(merged.profile.doc or '')} | {above} |"
    yield ""
    yield "## The head"
    yield ""
    yield "| key | takes | meaning |"
    yield "|---|---|---|"
    for key, takes in _HEAD.items():
        yield f"| `{key}` | {takes} | {properties[key]['description']} |"
    yield ""
    yield "## Knobs"
    yield ""
    yield from _knobs(tuple(knob for knob in knobs() if len(knob.key) == 1 and knob.key[0] not in _HEAD))
    for group, shape in properties.items():
        if "properties" in shape:
            yield f"### {group}"
            yield ""
            yield shape["description"]
            yield ""
            yield from _knobs(tuple(knob for knob in knobs() if knob.key[0] == group))
    yield "## Knobs without effect yet"
    yield ""
    yield "| knob | why |"
    yield "|---|---|"
    for key, why in UNSUPPORTED_KNOBS.items():
        yield f"| `{key}` | {why} |"
    yield ""
    yield "## Precedence"
    yield ""
    yield "1. An option: `--set weights.update=0`."
    yield "2. The file. Lists are replaced as a whole, groups knob by knob."
    yield "3. The profile that it `extends`, and so on."
    yield "4. The default."
    yield ""
    yield "A name is searched beside the file that extends it, then in `./profiles`, then among the bundled profiles. A"
    yield "file never extends itself, so that your own `stress` can extend the bundled `stress`. `simdsl profile show`"
    yield "shows where each value comes from."
    yield ""


_HEAD: Final = {"simdsl": "`1`", "profile": "name", "doc": "text", "extends": "name"}
_TAKES: Final = {
    KnobType.INTEGER: "integer",
    KnobType.RATE: "0 to 1",
    KnobType.DURATION: "duration",
    KnobType.TEXT: "text",
}


def _knobs(shown: tuple[Knob, ...]) -> Iterator[str]:
    defaults = to_keys(Profile(name=NAME_KEY[0]))
    yield "| key | takes | default | meaning |"
    yield "|---|---|---|---|"
    for knob in shown:
        default = defaults.get(knob.key)
        takes = f"list of {', '.join(f'`{word}`' for word in knob.words)}" if knob.words else _TAKES[knob.kind]
        said = "" if default is None else "all" if default == list(knob.words) else f"`{default}`"
        yield f"| `{knob.dotted}` | {takes} | {said} | {_cell(knob.description)} |"
    yield ""


# properties.md


def _properties() -> Iterator[str]:
    yield "A property is a named claim, with a generator of plans that may break it and a checker that reads the trace of"
    yield "a run. `simdsl properties` lists them, `simdsl explain NAME` shows one, `simdsl run --property NAME` generates"
    yield "plans and runs them, and a plan of your own with `properties: [NAME]` is checked for it too"
    yield "([how](../how-to/check-properties.md)). A checker reads the plan and the trace, nothing else."
    yield ""
    yield "Some properties are known by the name of the paper that introduced them. Both names select them, on the"
    yield "command line and in `properties:`; reports and fingerprints use the property's own name."
    yield ""
    yield "A property about queries states its claim in the plan itself: queries with labels, and a `check:` over them"
    yield "that the checker evaluates again. It looks at the checks whose labels begin with its tag and a number:"
    yield "`pqs1_row`."
    yield ""
    yield "The others are about *keyed tables*: `CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)`, with any names,"
    yield "perhaps with `NOT NULL` or a simple `CHECK`; created by the plan; written by INSERT with VALUES, UPDATE of the"
    yield "value and DELETE by the key; read by `SELECT id, v FROM t`, of one key or of all. Once another kind of"
    yield "statement has changed such a table, its rows are no longer known and queries of it are not checked. A step"
    yield "that fails because of other sessions proves nothing. A property that no run of a plan exercised is a warning."
    yield ""
    yield "| property | in papers | claim | needs |"
    yield "|---|---|---|---|"
    found = list(map(find, built_in()))
    for one in found:
        papers = ", ".join(f"`{alias}`" for alias in one.aliases)
        yield f"| [{one.name}](#{one.name}) | {papers} | {one.claim} | {', '.join(one.requires)} |"
    yield ""
    for one in found:
        yield f"## {one.name}"
        yield ""
        for paragraph in one.specification.strip().split("\n\n"):
            head, colon, rest = paragraph.partition(":")
            yield f"**{head}**:{rest}" if colon and "\n" not in head and head in _PARTS else paragraph
            yield ""
        yield f"Not exercised if {one.unchecked}."
        yield ""
    yield "## Your own"
    yield ""
    yield "`simdsl.properties.registry.register` makes a property of a function that builds plans: every property here"
    yield "is made by it."
    yield 'An entry point of the group `simdsl.properties`, `my-claim = "package.module:function"`, adds it everywhere.'
    yield ""
    yield "A claim that a query can express needs no Python: write a plan with a `workload:` and `invariants:`"
    yield "([how](../how-to/state-an-invariant.md))."


# trace.md


def _trace() -> Iterator[str]:
    schema: Any = trace_schema()
    definitions = schema["$defs"]
    yield "`simdsl run --trace FILE` writes JSON lines, and `simdsl schema trace` prints the JSON Schema of one line, from"
    yield "which this page is made. A file contains runs, each with a first line, a line for every event, and a last line."
    yield "Times are virtual microseconds since the start of the run."
    yield ""
    yield "## Records"
    yield ""
    for name in schema["then"]["properties"]["record"]["enum"]:
        yield from _record("record", name, definitions[name])
    yield "## Events"
    yield ""
    for name in schema["else"]["properties"]["event"]["enum"]:
        yield from _record("event", name, definitions[name])
    yield "## Parts"
    yield ""
    for name in ("outcome", "failure"):
        if name == "failure":
            yield from _record("", name, definitions[name])
            continue
        yield f"### {name}"
        yield ""
        yield definitions[name]["description"]
        yield ""
        for part in ("rows", "affected", "failed"):
            fields = ", ".join(f"`{field}`" for field in definitions[part]["properties"])
            yield f"- {definitions[part]['description'].rstrip('.')}: {fields}."
        yield ""
    yield "### value"
    yield ""
    yield definitions["value"]["description"]
    yield 'So `null`, `true`, `3`, `2.5` and `"x"` are themselves, and'
    kinds = [next(iter(one["properties"])) for one in definitions["value"]["anyOf"] if "properties" in one]
    objects = [f'`{{"{kind}": "..."}}`' for kind in kinds]
    yield f"{', '.join(objects)} are what they say."
    yield ""
    yield "### path"
    yield ""
    yield definitions["path"]["description"]


def _record(key: str, name: str, definition: dict[str, Any]) -> Iterator[str]:
    yield f"### {name}"
    yield ""
    yield definition["description"]
    yield ""
    yield "| field | type | |"
    yield "|---|---|---|"
    for field, shape in definition["properties"].items():
        if field == key:
            yield f'| `{field}` | `"{name}"` | |'
        else:
            yield f"| `{field}` | {_shape(shape)} | {shape.get('description', '')} |"
    yield ""


def _shape(shape: dict[str, Any]) -> str:
    if "$ref" in shape:
        name = shape["$ref"].rpartition("/")[2]
        return f"[{name}](#{name})" if name in ("outcome", "value", "path", "failure") else name
    if "const" in shape:
        return f"`{json.dumps(shape['const'])}`"
    if "enum" in shape:
        return ", ".join(f"`{json.dumps(one)}`" for one in shape["enum"])
    if "anyOf" in shape:
        return " or ".join(_shape(one) for one in shape["anyOf"])
    kinds = shape["type"] if isinstance(shape["type"], list) else [shape["type"]]
    if kinds == ["array"]:
        return f"list of {_shape(shape['items'])}" if "items" in shape else "list"
    return " or ".join(kinds)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
