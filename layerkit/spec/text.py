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
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from layerkit.errors import Path, Problem, Span, UserError
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
        value: The parsed value.
        problems: What is wrong with the text as JSON: at most one place where reading stopped, and
            any number of duplicate keys.
        overridden: For each place that the command line set, the words that set it.
    """

    file: str
    text: str
    value: Any = None
    problems: list[Problem] = field(default_factory=list)
    overridden: dict[Path, str] = field(default_factory=dict)

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
        """Return problems in the order of the text.

        Keys that the command line added to an object come after those in the text.
        """
        positions: dict[int, dict[str, int]] = {}

        def rank(problem: Problem) -> tuple[int, ...]:
            ranks, value = [], self.value
            for part in problem.path:
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
            _Locator(self.text, keys, values).value((), places, skip(self.text, 0))
        return [_span(problem, keys, values) for problem in problems]


def _span(problem: Problem, keys: dict[Path, Span], values: dict[Path, Span]) -> Span:
    if problem.span is not None:
        return problem.span
    if problem.at_key and problem.path in keys:
        return keys[problem.path]
    path = problem.path
    while path and path not in values:
        path = path[:-1]
    return values.get(path, (0, 0))


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
    pipe.
    """
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


class _Locator:
    """Finds places in a text that is known to be JSON; other values are skipped in C."""

    def __init__(self, text: str, keys: dict[Path, Span], values: dict[Path, Span]) -> None:
        self.text, self.keys, self.values = text, keys, values
        self._skipped = json.JSONDecoder().raw_decode

    def value(self, path: Path, places: dict[Any, Any], at: int) -> int:
        """Record the span of a value and of the sought places inside it; return its end."""
        end = self._inside(path, places, at) if places else None
        end = self._skipped(self.text, at)[1] if end is None else end
        self.values[path] = (at, end)
        return end

    def _inside(self, path: Path, places: dict[Any, Any], start: int) -> int | None:
        text, opening = self.text, self.text[start]
        if opening not in "{[":
            return None
        at, index = skip(text, start + 1), 0
        while text[at] not in "}]":
            key: str | int = index
            if opening == "{":
                key, end = self._skipped(text, at)
                if key in places:
                    self.keys[(*path, key)] = (at, end)
                at = skip(text, skip(text, end) + 1)
            if key in places:
                at = self.value((*path, key), places[key], at)
            else:
                at = self._skipped(text, at)[1]
            at, index = skip(text, at), index + 1
            if text[at] == ",":
                at = skip(text, at + 1)
        return at + 1
