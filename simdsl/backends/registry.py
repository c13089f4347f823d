"""Backends by name, by URL, by a factory of the user's, and by entry points.

* ``sqlite``, ``sqlite?driver=pysqlite3``: a name, its throwaway default;
* ``sqlite:///file.db?journal_mode=wal``: a URL;
* ``python:package.module:factory?key=value``: ``factory(key="value")`` gives a ``Backend``;
* an entry point of the group ``simdsl.backends``, ``mine = "package.module:factory"``: ``mine`` and ``mine?key=value``
  call the factory as above, ``mine:///place?key=value`` calls ``factory(url="mine:///place", key="value")``.
* any of these after ``name=``: the name that plans and reports use for the backend.

Nothing is imported before its backend is asked for. What is secret in a URL, and which parameters it has, is told here."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote

from simdsl.backends.protocol import Backend, BackendUnavailable, Description, UnknownBackend
from simdsl.backends.wrappers import WrappedBackend
from simdsl.plan.backend_facts import BUILT_IN_BACKENDS, RESERVED_NAMES, BackendFacts, built_in_facts, facts_of
from simdsl.plan.deferred import dataclass, lazy_regex

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


GROUP: Final = "simdsl.backends"


_NAME: Final = lazy_regex(r"[a-z][a-z0-9_]*")


class BackendOrigin(StrEnum):
    """Where a backend comes from."""

    BUILT_IN = "built in"
    ENTRY_POINT = "entry point"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledBackend:
    """One line of ``simdsl backends``. ``problem`` None: a connection was opened."""

    name: str
    kind: BackendOrigin
    description: Description | None = None
    problem: str | None = None


def resolve(text: str) -> Backend:
    """The backend that a name or URL selects. Raises ``BackendUnavailable``, its message one masked sentence."""
    name, selector = _alias(text)
    backend = _selected(selector)
    return backend if name is None or name == backend.name else WrappedBackend(backend, name)


def installed() -> tuple[InstalledBackend, ...]:
    """Every backend that can be named, each one tried."""
    entries = [_tried(name, BackendOrigin.BUILT_IN) for name in BUILT_IN_BACKENDS]
    entries += [_tried(name, BackendOrigin.ENTRY_POINT) for name in sorted(_entry_points())]
    return tuple(entries)


def _selected(selector: str) -> Backend:
    if selector.startswith("python:"):
        return _from_python(selector.removeprefix("python:"))
    head, query = split_query(selector)
    scheme = head.partition(":")[0]
    facts = _built_in(scheme)
    if facts is not None:
        backend: Backend = importlib.import_module(facts.module).from_url(head, query)
        return backend
    point = _entry_points().get(scheme)
    if point is not None:
        arguments = query if head == scheme else {"url": head, **query}
        return _called(_loaded(point.load, f"backend `{scheme}`"), arguments, f"backend `{scheme}`")
    raise UnknownBackend(_unknown(scheme))


def _built_in(scheme: str) -> BackendFacts | None:
    # By name first: that reads the facts of one backend only.
    if scheme in BUILT_IN_BACKENDS:
        return facts_of(scheme)
    return next((facts for facts in built_in_facts() if scheme in facts.schemes), None)


def _alias(text: str) -> tuple[str | None, str]:
    name, equals, rest = text.partition("=")
    if equals and _NAME.fullmatch(name):
        return name, rest
    return None, text


def _from_python(selector: str) -> Backend:
    head, query = split_query(selector)
    what = f"backend `python:{head}`"
    module, colon, attribute = head.partition(":")
    if not colon or not module or not attribute:
        raise BackendUnavailable(f"{what} is not python:package.module:factory")
    return _called(_loaded(lambda: _attribute(module, attribute), what), query, what)


def _attribute(module: str, attribute: str) -> Any:
    found: Any = importlib.import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    return found


def _loaded(load: Callable[[], Any], what: str) -> Callable[..., Any]:
    try:
        factory = load()
    except (ImportError, AttributeError) as error:
        raise BackendUnavailable(f"{what} cannot be imported: {_one_line(error)}") from error
    except Exception as error:  # a module of the user's may fail in any way while it loads
        raise BackendUnavailable(f"{what} fails to load: {type(error).__name__}: {_one_line(error)}") from error
    if not callable(factory):
        raise BackendUnavailable(f"{what} is not callable")
    result: Callable[..., Any] = factory
    return result


def _called(factory: Callable[..., Any], arguments: Mapping[str, str], what: str) -> Backend:
    try:
        backend = factory(**arguments)
    except BackendUnavailable:
        raise
    except Exception as error:  # the user's own code
        raise BackendUnavailable(f"{what} cannot be made: {type(error).__name__}: {_one_line(error)}") from error
    missing = [name for name in _INTERFACE if not hasattr(backend, name)]
    if missing:
        raise BackendUnavailable(f"{what} is not a backend: it lacks {', '.join(f'`{name}`' for name in missing)}")
    made: Backend = backend
    return made


def _entry_points() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points  # 20 ms, and a backend that comes with simdsl needs none

    return {point.name: point for point in entry_points(group=GROUP)}


def _unknown(name: str) -> str:
    if name in RESERVED_NAMES:
        return f"this version of simdsl has no backend `{name}` yet; it has {', '.join(BUILT_IN_BACKENDS)}"
    known = (*BUILT_IN_BACKENDS, *sorted(_entry_points()))
    return f"there is no backend `{mask(name)}`" + (suggestion(name, known) or f"; there are {', '.join(known)}")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _tried(name: str, kind: BackendOrigin) -> InstalledBackend:
    description = None
    if kind is BackendOrigin.BUILT_IN:
        # A pool's module, once loaded, knows whether this version can wait in virtual time, and the description says so.
        for module in ("simdsl.backends.pools.queuepool", *facts_of(name).preloads):
            importlib.import_module(module)
    try:
        backend = resolve(name)
        description = backend.describe()
        database = backend.create()
        try:
            database.open().close()
        finally:
            database.close()
    except BackendUnavailable as error:
        return InstalledBackend(name=name, kind=kind, description=description, problem=str(error))
    return InstalledBackend(name=name, kind=kind, description=description)


_INTERFACE: Final = ("name", "url", "dialect", "capabilities", "describe", "compile", "create")


_SECRET: Final = lazy_regex(r"pass|pwd|token|secret|auth|credential|key$", re.IGNORECASE)


_MASK: Final = "***"


def mask(url: str) -> str:
    """A URL without its secrets: the password of the user, and parameters that are called like one."""
    masked = re.sub(r"(?<=://)([^/?#@:]*):[^/?#]*@", rf"\1:{_MASK}@", url)
    head, mark, query = masked.partition("?")
    if not mark:
        return masked
    parts = (part.partition("=") for part in query.split("&"))
    return f"{head}?" + "&".join(
        f"{key}={_MASK}" if equals and _SECRET.search(unquote(key)) else f"{key}{equals}{value}"
        for key, equals, value in parts
    )


def secrets(url: str) -> tuple[str, ...]:
    """What ``mask`` hides in this URL, as written and as decoded, for ``mask_text``."""
    found = [hit[1] for hit in re.finditer(r"://[^/?#@:]*:([^/?#]*)@", url)]
    for part in url.partition("?")[2].split("&"):
        key, _, value = part.partition("=")
        if value and _SECRET.search(unquote(key)):
            found.append(value)
    return tuple(dict.fromkeys(secret for text in found for secret in (text, unquote(text)) if secret))


def mask_text(text: str, secrets: Iterable[str]) -> str:
    """Any text, such as a driver's message, without these secrets."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, _MASK)
    return text


def split_query(selector: str) -> tuple[str, dict[str, str]]:
    """What stands before the ``?``, and the parameters behind it. Raises ``BackendUnavailable``."""
    head, _, query = selector.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    arguments = dict(pairs)
    if len(arguments) != len(pairs):
        raise BackendUnavailable(f"`{mask(selector)}` gives a parameter twice")
    return head, arguments


def check_parameters(backend: str, query: Mapping[str, str], known: Sequence[str]) -> None:
    """Raises ``BackendUnavailable`` for a parameter that this backend does not know."""
    for key in query:
        if key not in known:
            raise BackendUnavailable(f"{backend} has no URL parameter `{key}`" + suggestion(key, known))


def suggestion(word: str, known: Sequence[str]) -> str:
    """``; did you mean `x`?``, or nothing."""
    import difflib  # only to word an error

    close = difflib.get_close_matches(word.lower(), known, n=1)
    return f"; did you mean `{close[0]}`?" if close else ""
