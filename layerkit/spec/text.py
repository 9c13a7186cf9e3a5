"""JSON text read with the position of every key and value.

The standard parser tells where the text stops being JSON, but not where ``layers[1].units``
stands, lets a key appear twice and accepts NaN. So it reads what is right, in C, and the reader
here looks for what is wrong, and for the places that messages point at.
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
"""A spec names components; one that is larger than this was meant to be a data file."""

_SUSPECT = re.compile(r"[0-9]{19}|[eE][-+]?[0-9]{3}|\\u[dD][89a-fA-F]|[\ud800-\udfff]")
"""What may be a number that is too large, or half a surrogate pair."""

_DESCRIPTOR = re.compile(r"/dev/stdin|(?:/dev|/proc/self)/fd/([0-9]{1,9})")


@dataclass
class Document:
    """A parsed JSON text.

    Attributes:
        file: The name to show for it.
        text: The text.
        value: What it holds.
        problems: What is wrong with the text as JSON: at most one place where it could not be
            read on, and any number of keys that appear twice.
        overridden: For each place that the command line set, the words that set it.
    """

    file: str
    text: str
    value: Any = None
    problems: list[Problem] = field(default_factory=list)
    overridden: dict[Path, str] = field(default_factory=dict)

    def in_order(self, problems: Iterable[Problem]) -> list[Problem]:
        """Return problems in the order of the text.

        What command-line overrides added to an object stands behind what the text has there.
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
        """Return the characters that each problem is about, or those of what surrounds them."""
        problems = list(problems)
        wanted: dict[Any, Any] = {}
        for problem in problems:
            node = wanted
            for part in problem.path:
                node = node.setdefault(part, {})
        keys: dict[Path, Span] = {}
        values: dict[Path, Span] = {}
        if not any(p.span and not p.path for p in self.problems):  # it is JSON to its end
            _Locator(self.text, keys, values).value((), wanted, skip(self.text, 0))
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
    """Return the number of the file descriptor that a path names; None where it is a file's own.

    Standard input is one, and so is what a shell makes of ``<(command)``.
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
                "numbers in bulk belong into a data file"
            )
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise UserError(
            f"{name}:{line}:{column}: a spec is JSON text in UTF-8, got the byte "
            f"{error.object[error.start]:#04x}, which is none; if it is text, save it as UTF-8"
        ) from None
    except OSError as error:
        raise UserError(f"{name}: cannot be read: {error.strerror}") from None
    except ValueError as error:  # a null byte, which no path may have
        raise UserError(f"{name}: cannot be read: {error}") from None


def _read_file(file: FilePath) -> bytes:
    """Return what a file holds, or one byte more than a spec may have."""
    mode = file.stat().st_mode
    # A pipe with a name waits until somebody writes to it, which may be never.
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise UserError(
            f"{visible(str(file))}: a spec is a file, got a pipe or a device; store what comes "
            "from it in a file first"
        )
    with file.open("rb") as opened:
        return opened.read(MAX_BYTES + 1)


def _read_descriptor(number: int) -> bytes:
    """Return what comes from a descriptor until its end, or one byte more than a spec may have.

    It is read as it is. To open the path would wait for another writer where the pipe has a name.
    """
    content = bytearray()
    while len(content) <= MAX_BYTES:
        try:
            part = os.read(number, MAX_BYTES + 1 - len(content))
        except BlockingIOError:  # it does not block, as some parents leave it
            select.select([number], [], [])
            continue
        if not part:
            break
        content += part
    return bytes(content)


def parse(text: str, file: str) -> Document:
    """Parse a JSON text; what is wrong with it stands in the document's ``problems``."""
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
    """Return what a JSON text holds, if nothing is odd about it.

    Raises:
        ValueError: Something is, or may be.
        RecursionError: It nests very deep.
    """
    if _SUSPECT.search(text):
        raise ValueError("numbers or characters that the parser in C takes")
    value = json.loads(text, object_pairs_hook=_members, parse_constant=_refuse)
    if depth(value) > MAX_DEPTH:
        raise ValueError("nests too deep")
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a key appears twice")
    return members


def _refuse(constant: str) -> Any:
    raise ValueError(f"JSON has no {constant}")


class _Locator:
    """Finds places in a text that is known to be JSON; the rest of it is skipped in C."""

    def __init__(self, text: str, keys: dict[Path, Span], values: dict[Path, Span]) -> None:
        self.text, self.keys, self.values = text, keys, values
        self._skipped = json.JSONDecoder().raw_decode

    def value(self, path: Path, wanted: dict[Any, Any], at: int) -> int:
        """Note where a value stands, and what is wanted inside it; return the end of it."""
        end = self._inside(path, wanted, at) if wanted else None
        end = self._skipped(self.text, at)[1] if end is None else end
        self.values[path] = (at, end)
        return end

    def _inside(self, path: Path, wanted: dict[Any, Any], start: int) -> int | None:
        text, opening = self.text, self.text[start]
        if opening not in "{[":
            return None
        at, index = skip(text, start + 1), 0
        while text[at] not in "}]":
            key: str | int = index
            if opening == "{":
                key, end = self._skipped(text, at)
                if key in wanted:
                    self.keys[(*path, key)] = (at, end)
                at = skip(text, skip(text, end) + 1)
            if key in wanted:
                at = self.value((*path, key), wanted[key], at)
            else:
                at = self._skipped(text, at)[1]
            at, index = skip(text, at), index + 1
            if text[at] == ",":
                at = skip(text, at + 1)
        return at + 1
