"""Read JSON text with the position of every key and value.

The standard parser reports where a text stops being JSON, but not where ``layers[1].units`` is. It
also accepts NaN and duplicate keys. So it reads correct text, in C, and the reader here finds what
is wrong, and the places that messages point at.
"""

import json
import os
import re
import select
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any

from layerkit.errors import Path, Problem, Span, UserError
from layerkit.spec.locating import Locator, span_of
from layerkit.spec.malformed import MAX_DEPTH, depth, read_by_hand, skip
from layerkit.wording import visible

MAX_BYTES = 2**20
"""The largest spec; a larger file was meant to be a data file, as a spec only names components."""

_SUSPECT = re.compile(r"[0-9]{19}|[eE][-+]?[0-9]{3}|\\u[dD][89a-fA-F]|[\ud800-\udfff]")
"""Text that may be a number that is too large, or half a surrogate pair."""

_DESCRIPTOR = re.compile(r"/dev/stdin|(?:/dev|/proc/self)/fd/([0-9]{1,9})")


@dataclass
class Document:
    """A parsed JSON text.

    Attributes:
        file: The name to show for it.
        text: The text.
        value: The parsed value, with the base merged into it and the command line's values.
        problems: What is wrong with the text as JSON: at most one place where reading stopped, and
            any number of duplicate keys.
        overridden: For each place that the command line set, the words that set it.
        base: The document that it extends, if it does.
        written: The value of its own text, if it extends another.
        removed: The elements of arrays that the command line removed, in order, each with the index
            that it then had.
        dropped: For each member of an object that the command line removed, the words that did so.
    """

    file: str
    text: str
    value: Any = None
    problems: list[Problem] = field(default_factory=list)
    overridden: dict[Path, str] = field(default_factory=dict)
    base: "Document | None" = None
    written: Any = None
    removed: list[Path] = field(default_factory=list)
    dropped: dict[Path, str] = field(default_factory=dict)

    @property
    def chain(self) -> list["Document"]:
        """This document, the one that it extends, and so on."""
        return [self, *(self.base.chain if self.base is not None else ())]

    def holder(self, path: Path) -> "Document":
        """Return the document in whose text the value at a path is, or that of the value around it.

        A key of several files counts where it was written last.
        """
        if self.base is None:
            return self
        own, inherited = self.written, self.base.value
        for part in path:
            if not isinstance(own, dict):  # arrays and plain values replace those of the base
                break
            # For an object, the base may have a bare name, which is its type.
            inherited = {"type": inherited} if isinstance(inherited, str) else inherited
            is_inherited = isinstance(inherited, dict) and part in inherited
            if part not in own:
                return self.base.holder(path) if is_inherited else self
            own, inherited = own[part], inherited[part] if is_inherited else None
        return self

    def forget(self, path: Path, words: str) -> None:
        """Record that words of the command line removed the value at a path."""
        inside = {p for p in (*self.overridden, *self.dropped) if p[: len(path)] == path}
        is_element = isinstance(path[-1], int)
        for record in (self.overridden, self.dropped):
            kept = {p: w for p, w in record.items() if p not in inside}
            record.clear()
            record |= {_shifted(p, path, -1): w for p, w in kept.items()} if is_element else kept
        if is_element:
            self.removed.append(path)
        else:
            self.dropped[path] = words

    def in_text(self, path: Path) -> Path:
        """Return the path that a value has in its text, before elements of arrays were removed."""
        for removed in reversed(self.removed):
            path = _shifted(path, removed, 1)
        return path

    @property
    def is_read(self) -> bool:
        """Whether the text is JSON to its end, though a key may appear twice."""
        return not any(p.span and not p.path for p in self.problems)

    def at(self, path: Path) -> Any:
        """Return the value at a path that the document has."""
        value = self.value
        for part in path:
            value = value[part]
        return value

    def in_order(self, problems: Iterable[Problem]) -> list[Problem]:
        """Return problems in the order of the text; those of a base come after it.

        Keys that the command line added to an object come after those in the text.
        """
        positions: dict[int, dict[str, int]] = {}
        chain = self.chain

        def rank(problem: Problem) -> tuple[int, ...]:
            path = self.in_text(problem.path)
            holder = self.holder(path)
            ranks = [next(i for i, document in enumerate(chain) if document is holder)]
            value = holder.value if holder.base is None else holder.written
            for part in problem.path if self.base is None else path:
                if isinstance(part, int):
                    ranks.append(part)
                    inside = isinstance(value, list) and part < len(value)
                    value = value[part] if inside else None
                elif isinstance(value, dict) and part in value:
                    if id(value) not in positions:
                        positions[id(value)] = {key: i for i, key in enumerate(value)}
                    ranks.append(positions[id(value)][part])
                    value = value[part]
                else:
                    break
            return tuple(ranks)

        return sorted(problems, key=rank)

    def spans(self, problems: Iterable[Problem]) -> list[Span]:
        """Return the characters that each problem is about, or those of the value around them."""
        problems = list(problems)
        sought = [problem for problem in problems if problem.span is None]
        places: dict[Any, Any] = {}
        for problem in sought:
            node = places
            for part in problem.path:
                node = node.setdefault(part, {})
        keys: dict[Path, Span] = {}
        values: dict[Path, Span] = {}
        if sought and self.is_read:
            Locator(self.text, keys, values).value((), places, skip(self.text, 0))
        return [span_of(problem, keys, values) for problem in problems]

    def places(self, problems: Sequence[Problem]) -> list[tuple["Document", Span]]:
        """Return for each problem the document in whose text it is, and the characters."""
        if self.removed:
            problems = [replace(p, path=self.in_text(p.path)) for p in problems]
        holders = [self.holder(problem.path) for problem in problems]
        spans: dict[int, Span] = {}
        for document in self.chain:
            held = [i for i, holder in enumerate(holders) if holder is document]
            spans |= zip(held, document.spans(problems[i] for i in held), strict=True)
        return [(holder, spans[i]) for i, holder in enumerate(holders)]


def _shifted(path: Path, removed: Path, by: int) -> Path:
    """Return the path of a value whose array loses or regains an element."""
    *array, index = removed
    at = len(array)
    part = path[at] if len(path) > at and path[:at] == tuple(array) else None
    if not isinstance(part, int) or not isinstance(index, int) or part < index:
        return path
    return (*path[:at], part + by, *path[at + 1 :])


def descriptor(file: FilePath) -> int | None:
    """Return the number of the file descriptor that a path names; None for an ordinary path.

    Standard input is a descriptor, and so is the path that a shell passes for ``<(command)``.
    """
    named = _DESCRIPTOR.fullmatch(file.as_posix())
    return int(named[1] or 0) if named else None


def read_text(file: FilePath) -> str:
    """Return the text of a spec.

    Raises:
        UserError: There is no such file, or it cannot be the text of a spec.
    """
    name = visible(str(file))
    try:
        number = descriptor(file)
        content = _read_file(file) if number is None else _read_descriptor(number)
        if len(content) > MAX_BYTES:
            raise UserError(
                f"{name}: a spec has at most {MAX_BYTES >> 20} MB, and this file is larger; "
                "numbers in bulk belong in a data file"
            )
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise UserError(
            f"{name}:{line}:{column}: a spec is JSON text in UTF-8, got the byte "
            f"{error.object[error.start]:#04x}, which is not; if it is text, save it as UTF-8"
        ) from None
    except OSError as error:
        raise UserError(f"{name}: cannot be read: {error.strerror}") from None
    except ValueError as error:  # a null byte, which no path may have
        raise UserError(f"{name}: cannot be read: {error}") from None


def _read_file(file: FilePath) -> bytes:
    """Return the contents of a file, up to one byte more than a spec may have."""
    mode = file.stat().st_mode
    # Opening a named pipe waits for a writer, perhaps forever.
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise UserError(
            f"{visible(str(file))}: a spec is a file, got a pipe or a device; store what comes "
            "from it in a file first"
        )
    with file.open("rb") as opened:
        return opened.read(MAX_BYTES + 1)


def _read_descriptor(number: int) -> bytes:
    """Return the contents of a descriptor, up to one byte more than a spec may have.

    The descriptor itself is read. Opening its path would wait for another writer if it is a named
    pipe. A terminal would wait for a spec that nobody types.
    """
    if os.isatty(number):
        raise UserError(
            "standard input is a terminal; pass a file, as in layerkit run spec.json, or a pipe, "
            "as in make_spec | layerkit run -"
        )
    content = bytearray()
    while len(content) <= MAX_BYTES:
        try:
            part = os.read(number, MAX_BYTES + 1 - len(content))
        except BlockingIOError:  # some parent processes leave it non-blocking
            select.select([number], [], [])
            continue
        if not part:
            break
        content += part
    return bytes(content)


def position(text: str, offset: int) -> tuple[int, int]:
    """Return the line and the column of an offset, both counted from 1."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def parse(text: str, file: str) -> Document:
    """Parse a JSON text; the document's ``problems`` list what is wrong with it."""
    document = Document(file, text)
    if not text.strip():
        nothing = "the file is empty; a spec is a JSON object"
        document.problems.append(Problem("no-json", expected=nothing, span=(0, 0)))
        return document
    try:
        document.value = parsed(text)
        return document
    except (ValueError, RecursionError):
        pass  # read again by hand, for a message that points
    document.value, document.problems = read_by_hand(text)
    return document


def parsed(text: str) -> Any:
    """Return the value of a JSON text, if nothing is suspicious about it.

    Raises:
        ValueError: Something is, or may be, wrong with it.
        RecursionError: It nests too deeply.
    """
    if _SUSPECT.search(text):
        raise ValueError("numbers or characters that only the parser in C accepts")
    value = json.loads(text, object_pairs_hook=_members, parse_constant=_refuse)
    if depth(value) > MAX_DEPTH:
        raise ValueError("nests too deeply")
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a key appears twice")
    return members


def _refuse(constant: str) -> Any:
    raise ValueError(f"JSON has no {constant}")
