"""The rules. Each yields one line for each place that breaks it."""

from __future__ import annotations

import ast
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

from tests.house.source import ROOT, Import, Module

MOST_MODULES = 240
MOST_LINES = 600
MEDIAN = range(130, 251)
LEAST_COMMENTS = 4.0
"""For each 100 lines of code."""

LONG: frozenset[str] = frozenset()
"""Modules that may be long, because they are data or generated."""


def sizes(modules: Sequence[Module]) -> Iterator[str]:
    """Not too many modules, none too long, few that are too short to be found."""
    holding = [module for module in modules if module.holds_code]
    if len(holding) > MOST_MODULES:
        yield f"{len(holding)} modules with code, at most {MOST_MODULES}"
    for module in holding:
        if module.lines > MOST_LINES and module.name not in LONG:
            yield f"{module.name} has {module.lines} lines, at most {MOST_LINES}"
    median = statistics.median(module.lines for module in holding)
    if int(median) not in MEDIAN:
        yield f"the median module has {median:g} lines, and not {MEDIAN.start} to {MEDIAN.stop - 1}"


def class_names(modules: Sequence[Module]) -> Iterator[str]:
    """A public class has a name of its own."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for module in modules:
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(module.name)
    for name, where in sorted(places.items()):
        if len(where) > 1:
            yield f"class {name} in {', '.join(where)}"


def late_imports(modules: Sequence[Module]) -> Iterator[str]:
    """An import inside a function has its reason beside it: a comment on its line or above the block of imports."""
    for module in modules:
        explained = -1
        for one in module.imports():
            if not one.inside or one.typing:
                continue
            # One comment serves the imports that follow each other.
            if module.has_comment_at(one.line) or explained == one.line - 1:
                explained = _last_line(module, one.line)
            else:
                yield f"{module.name}:{one.line} {one.inside} imports {one.names[0]} without a reason"


def _last_line(module: Module, line: int) -> int:
    """Where the statement that begins on a line ends."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and node.lineno == line:
            return node.end_lineno or line
    return line


def comments(modules: Sequence[Module]) -> Iterator[str]:
    """Enough comments in each package to maintain it by."""
    for package, density in comment_densities(modules).items():
        if density < LEAST_COMMENTS:
            yield f"{package} has {density:.1f} comments for 100 lines of code, at least {LEAST_COMMENTS:g}"


def comment_densities(modules: Sequence[Module]) -> dict[str, float]:
    """Comments for each 100 lines of code, by package; those of a few lines only are left out."""
    code: Counter[str] = Counter()
    said: Counter[str] = Counter()
    for module in modules:
        for package in (module.package, "all"):
            code[package] += module.code_lines
            said[package] += module.comment_count
    return {package: 100 * said[package] / code[package] for package in code if code[package] >= 100}


def cycles(modules: Sequence[Module]) -> Iterator[str]:
    """No module needs, directly or through others, a module that needs it, be it for a type."""
    names = {module.name for module in modules}
    graph: dict[str, set[str]] = {module.name: set() for module in modules}
    for module in modules:
        for one in module.imports():
            graph[module.name].update(_targets(one, names) - {module.name})
    for group in _components(graph):
        if len(group) > 1:
            yield "a circle of " + ", ".join(sorted(group))


def _targets(one: Import, names: set[str]) -> set[str]:
    """`from a.b import c` needs a.b.c where that is a module, and a.b otherwise."""
    base, *rest = one.names
    inner = {name for name in rest if name in names}
    if base in names and (len(inner) < len(rest) or not rest):
        inner.add(base)
    return inner


def _components(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    """Tarjan's strongly connected components, without recursion (chains of imports are long)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    for start in graph:
        work = [(start, iter(sorted(graph[start])))] if start not in index else []
        if work:
            index[start] = low[start] = len(index)
            stack.append(start)
        while work:
            node, others = work[-1]
            for other in others:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    work.append((other, iter(sorted(graph[other]))))
                    break
                if other in stack:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    at = stack.index(node)
                    group = stack[at:]
                    del stack[at:]
                    yield group


def wildcards(modules: Sequence[Module]) -> Iterator[str]:
    """A `match` over kinds of things ends in `case _` only with the reason why a new kind need not be noticed."""
    for module in modules:
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Match) or sum(_is_kind(case.pattern) for case in node.cases) < 2:
                continue
            last = node.cases[-1]
            if not isinstance(last.pattern, ast.MatchAs) or last.pattern.pattern is not None or last.guard:
                continue
            lines = range(last.pattern.lineno - 1, last.body[0].lineno + 1)
            if "assert_never" not in ast.unparse(last.body[0]) and not any(line in module.comments for line in lines):
                yield f"{module.name}:{last.pattern.lineno} case _ without a reason"


def _is_kind(pattern: ast.pattern) -> bool:
    match pattern:
        case ast.MatchClass(cls=ast.Name(id=name)):
            return name not in {"str", "int", "float", "bytes", "bool", "list", "dict", "tuple"}
        case ast.MatchValue(value=ast.Attribute()):  # a member of an enumeration
            return True
        case ast.MatchOr(patterns=patterns):
            return any(map(_is_kind, patterns))
        case ast.MatchAs(pattern=ast.pattern() as inner):
            return _is_kind(inner)
        case _:
            return False


def eager_dataclasses(modules: Sequence[Module]) -> Iterator[str]:
    """Classes with slots are made by simdsl.plan.deferred, which costs a start-up a tenth as much."""
    for module in modules:
        eager = any("dataclasses.dataclass" in one.names for one in module.imports())
        if eager and "@dataclass(" in module.text and "slots=True" in module.text:
            yield f"{module.name} imports dataclass from dataclasses"


def unused(modules: Sequence[Module]) -> Iterator[str]:
    """Code that nothing uses, as vulture sees it at 80 %."""
    from vulture import Vulture  # a tool of development: the other rules do without it

    finder = Vulture()
    finder.scavenge([str(module.path) for module in modules])
    for item in finder.get_unused_code(min_confidence=80):
        yield item.get_report().replace(f"{ROOT}/", "")


RULES: tuple[Callable[[Sequence[Module]], Iterator[str]], ...] = (
    sizes,
    class_names,
    late_imports,
    comments,
    cycles,
    wildcards,
    eager_dataclasses,
    unused,
)
