"""Reading plan files, from a path or a text to a ``Document`` or to everything that is wrong with it; and replacing them.

Nothing here raises because of what it reads: a missing file, a picture and ten thousand nested brackets all become
diagnostics."""

from __future__ import annotations

import os
import stat
from typing import Final

from simdsl.plan import deferred
from simdsl.plan.codes import Code
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Diagnostic, Path, SourceText
from simdsl.syntax import json_reader, yaml_fast
from simdsl.syntax.document import Document
from simdsl.syntax.source_map import LineIndex
from simdsl.syntax.yaml_diagnostics import find_ambiguities
from simdsl.syntax.yaml_reader import PositionedRead, YamlParserMissing, read_events, read_tree, to_data

MAX_BYTES: Final = 16 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadResult:
    """A document, unless the text could not be read at all, and the errors and warnings of the reader in text order.

    A document with errors can still be loaded, so that all mistakes of a file are reported at once, but it never becomes a
    plan. What the loader finds where ``document.is_refused(path)`` is a consequence and is left out.
    """

    document: Document | None
    problems: tuple[Diagnostic, ...] = ()
    is_cut: bool = False  # there are more problems than are collected


def read_file(path: str) -> ReadResult:
    """Read a file, or say why it cannot be read: missing, a directory, no permission, too large, not UTF-8."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            return _refused(path, Code.F005, f"{path} is a directory", "name a file in it")
        with open(path, "rb") as file:
            # One byte more than allowed is enough to know, and a device file has no size.
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return _refused(path, Code.F001, f"there is no file {path}", "is the path relative to another directory?")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return _refused(path, Code.F002, f"{path} cannot be read: {reason}", "may you read it?")
    return read_bytes(content, path)


def read_bytes(content: bytes, name: str) -> ReadResult:
    """Read the content of a file; ``name`` is its name in messages."""
    if len(content) > MAX_BYTES:
        return _too_large(name)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"{name} is not UTF-8: byte {error.start + 1}, in line {line}, is 0x{content[error.start]:02x}"
        return _refused(name, Code.F003, message, "save it as UTF-8 text")
    if "\0" in text:
        return _refused(name, Code.F003, f"{name} is not text: it holds NUL bytes", "is this a plan?")
    return read_text(text, name)


def read_text(text: str, name: str) -> ReadResult:
    """Read a text; ``name`` is its name in messages, and makes it JSON if it ends in ``.json``."""
    # A code point takes one to four bytes, so most texts need not be encoded to compare their size with the limit.
    if len(text) > MAX_BYTES or (len(text) * 4 > MAX_BYTES and len(text.encode(errors="surrogatepass")) > MAX_BYTES):
        return _too_large(name)
    bom = text.startswith("\ufeff")
    source = SourceText(name=name, text=text[1:] if bom else text)
    with deferred.gc_paused():
        return _read_json(source, bom) if json_reader.is_json(source.text, name) else _read_yaml(source, bom)


def _read_json(source: SourceText, bom: bool) -> ReadResult:
    data = json_reader.read_fast(source.text)
    if data is not None:
        return ReadResult(document=Document(source=source, data=data, read_tree=json_reader.read_tree, bom=bom))
    events = json_reader.read_slow(source.text)
    if events.root is None:
        return _unreadable(source, events)
    data = to_data(events.root)
    if isinstance(data, dict):
        data.pop("$schema", None)
    positions = LineIndex(source)
    document = Document(
        source=source,
        data=data,
        read_tree=json_reader.read_tree,
        root=events.root,
        refused=tuple(events.issues.refused),
        bom=bom,
    )
    problems = tuple(map(positions.diagnose, events.issues.found))
    return ReadResult(document=document, problems=problems, is_cut=events.issues.is_cut)


def _read_yaml(source: SourceText, bom: bool) -> ReadResult:
    data = yaml_fast.read_fast(source.text)
    if data is not None:
        return ReadResult(document=Document(source=source, data=data, read_tree=read_tree, bom=bom))
    try:
        events = read_events(source.text)
    except YamlParserMissing as error:
        message = f"the YAML parser cannot be imported: {error}"
        return _refused(source.name, Code.F006, message, "install it: pip install ruamel.yaml.clib")
    if events.root is None:
        return _unreadable(source, events)
    ambiguities = find_ambiguities(events.root, source.text)
    issues = sorted(events.issues.found + ambiguities.found, key=lambda issue: issue.start)
    refused: tuple[Path, ...] = (*events.issues.refused, *ambiguities.refused)
    document = Document(
        source=source, data=to_data(events.root), read_tree=read_tree, root=events.root, refused=refused, bom=bom
    )
    problems = tuple(map(document.positions.diagnose, issues))
    return ReadResult(document=document, problems=problems, is_cut=events.issues.is_cut or ambiguities.is_cut)


def _unreadable(source: SourceText, events: PositionedRead) -> ReadResult:
    # Lone surrogates cannot be printed; they are replaced in what is shown.
    clean = SourceText(name=source.name, text=source.text.encode(errors="replace").decode())
    problems = tuple(map(LineIndex(clean).diagnose, events.issues.found))
    return ReadResult(document=None, problems=problems, is_cut=events.issues.is_cut)


def _too_large(name: str) -> ReadResult:
    return _refused(name, Code.F004, f"{name} is larger than 16 MB", "plans of this size are several plans")


def _refused(name: str, code: Code, message: str, hint: str) -> ReadResult:
    return ReadResult(document=None, problems=(Diagnostic(code=code, message=message, file=name, help=hint),))


def replace_file(path: str, content: bytes) -> None:
    """Replace the content of a file at once: a reader sees the old content or the new, never a part.

    Permissions are kept, and a symbolic link stays one. Raises ``OSError`` and leaves nothing behind.
    """
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    import tempfile  # start-up: few calls replace a file, and it brings `random` and `shutil`

    descriptor, temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=".tmp", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # or a power failure may leave an empty file under the old name
        os.chmod(temporary, os.stat(target).st_mode & 0o7777)
        os.replace(temporary, target)
    except BaseException:  # Ctrl-C as well: the temporary file must not be left behind
        os.unlink(temporary)
        raise
