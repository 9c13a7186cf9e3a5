"""JSON text read with the position of every key and value.

The standard parser tells where the text stops being JSON, but not where ``layers[1].units``
stands, lets a key appear twice and accepts NaN; this one is for messages that point.
"""

import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, TypeAlias

from layerkit.errors import Path, Problem, UserError

MAX_BYTES = 2**20
"""A spec names components; one that is larger than this was meant to be a data file."""

MAX_DEPTH = 100
"""How deep arrays and objects may nest; far below the depth at which Python gives up."""

LARGEST = 2**63 - 1
"""The largest integer that a spec may hold; nothing that it could count has more."""

Span: TypeAlias = tuple[int, int]

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_WORD = re.compile(r"[A-Za-z_]\w*|'[^'\n]*'?|//|#|/\*|.", re.DOTALL)
_LITERALS = {"true": True, "false": False, "null": None}


@dataclass
class Document:
    """A parsed JSON text.

    Attributes:
        file: The name to show for it.
        text: The text.
        value: What it holds.
        keys: The span of the key of each member.
        values: The span of each value.
        problems: What is wrong with the text as JSON: at most one place where it could not be
            read on, and any number of keys that appear twice.
        overridden: For each place that the command line set, the words that set it.
    """

    file: str
    text: str
    value: Any = None
    keys: dict[Path, Span] = field(default_factory=dict)
    values: dict[Path, Span] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    overridden: dict[Path, str] = field(default_factory=dict)

    def span(self, problem: Problem) -> Span:
        """Return the characters that a problem is about, or those of what surrounds them."""
        if problem.span is not None:
            return problem.span
        if problem.at_key and problem.path in self.keys:
            return self.keys[problem.path]
        path = problem.path
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, (0, 0))


def read_text(file: FilePath) -> str:
    """Return the text of a spec.

    Raises:
        UserError: There is no such file, or it cannot be the text of a spec.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)  # what never ends has no size to ask for
        if len(content) > MAX_BYTES:
            raise UserError(
                f"{file}: a spec has at most {MAX_BYTES >> 20} MB, and this file is larger; "
                "numbers in bulk belong into a data file"
            )
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise UserError(
            f"{file}:{line}:{column}: a spec is JSON text in UTF-8, got the byte "
            f"{error.object[error.start]:#04x}, which is none; if it is text, save it as UTF-8"
        ) from None
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror}") from None


def parse(text: str, file: str) -> Document:
    """Parse a JSON text; what is wrong with it stands in the document's ``problems``."""
    document = Document(file, text)
    if not text.strip():
        nothing = "the file is empty; a spec is a JSON object"
        document.problems.append(Problem((), nothing, span=(0, 0)))
        return document
    reader = _Reader(document)
    try:
        document.value, end = reader.value((), reader.skip(0))
        end = reader.skip(end)
        if end < len(text):
            raise _NotJsonError(end, "the spec ended here, but more text follows")
    except _NotJsonError as error:
        word = _WORD.match(text, error.at)
        end = word.end() if word else error.at
        document.problems.append(Problem((), str(error), span=(error.at, end)))
    return document


def looks_like_json(text: str) -> bool:
    """Return whether a text that is no JSON was meant to be: it begins so, or is a number."""
    return text.lstrip()[:1] in ("{", "[", '"') or bool(_NUMBER.fullmatch(text.strip()))


class _NotJsonError(Exception):
    def __init__(self, at: int, message: str) -> None:
        super().__init__(message)
        self.at = at


class _Reader:
    """Recursive descent over one text; each method returns a value and the offset behind it."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.text = document.text

    def skip(self, at: int) -> int:
        space = _SPACE.match(self.text, at)
        return space.end() if space else at

    def value(self, path: Path, at: int) -> tuple[Any, int]:
        if len(path) > MAX_DEPTH:
            raise _NotJsonError(at, f"nested deeper than {MAX_DEPTH} levels")
        opening = self.text[at : at + 1]
        value: Any
        if opening == "{":
            value, end = self.members(path, at)
        elif opening == "[":
            value, end = self.items(path, at)
        else:
            value, end = self.scalar(at)
        self.document.values[path] = (at, end)
        return value, end

    def members(self, path: Path, at: int) -> tuple[dict[str, Any], int]:
        members: dict[str, Any] = {}
        at = self.skip(at + 1)
        if self.text[at : at + 1] == "}":
            return members, at + 1
        while True:
            if self.text[at : at + 1] != '"':
                raise _NotJsonError(at, f"expected a key in double quotes, got {self.seen(at)}")
            key, end = self.string(at)
            here = (*path, key)
            if key in members:
                self.document.problems.append(
                    Problem(here, f'the key "{key}" appears twice; keep one', span=(at, end))
                )
            self.document.keys[here] = (at, end)
            at = self.skip(end)
            if self.text[at : at + 1] != ":":
                raise _NotJsonError(at, f'expected ":" behind the key, got {self.seen(at)}')
            members[key], at = self.value(here, self.skip(at + 1))
            at, closed = self.separator(at, "}")
            if closed:
                return members, at

    def items(self, path: Path, at: int) -> tuple[list[Any], int]:
        items: list[Any] = []
        at = self.skip(at + 1)
        if self.text[at : at + 1] == "]":
            return items, at + 1
        while True:
            item, at = self.value((*path, len(items)), at)
            items.append(item)
            at, closed = self.separator(at, "]")
            if closed:
                return items, at

    def separator(self, at: int, closing: str) -> tuple[int, bool]:
        at = self.skip(at)
        mark = self.text[at : at + 1]
        if mark == closing:
            return at + 1, True
        if mark != ",":
            raise _NotJsonError(at, f'expected "," or "{closing}", got {self.seen(at)}')
        behind = self.skip(at + 1)
        if self.text[behind : behind + 1] == closing:
            raise _NotJsonError(at, f'a comma before "{closing}" is not JSON; remove it')
        return behind, False

    def scalar(self, at: int) -> tuple[Any, int]:
        if self.text[at : at + 1] == '"':
            return self.string(at)
        number = _NUMBER.match(self.text, at)
        word = _WORD.match(self.text, at)
        if word and word.group() in _LITERALS:
            return _LITERALS[word.group()], word.end()
        if not number:
            raise _NotJsonError(at, f"expected a value, got {self.seen(at)}")
        try:
            value = json.loads(number.group())
        except ValueError:  # more digits than Python turns into an integer
            value = float("inf")
        if abs(value) > (LARGEST if isinstance(value, int) else sys.float_info.max):
            raise _NotJsonError(at, "the number is too large")
        # JSON does not tell 2 from 2.0, and neither does JSON Schema.
        whole = abs(value) <= LARGEST and value == int(value)
        return int(value) if whole else value, number.end()

    def string(self, at: int) -> tuple[str, int]:
        string = _STRING.match(self.text, at)
        if not string:
            raise _NotJsonError(at, "the text in quotes does not end, or holds a bad escape")
        value: str = json.loads(string.group())
        if any("\ud800" <= c <= "\udfff" for c in value):
            raise _NotJsonError(at, "the text holds half a surrogate pair, which is no character")
        return value, string.end()

    def seen(self, at: int) -> str:
        word = _WORD.match(self.text, at)
        if not word:
            return "the end of the text"
        advice = {
            "NaN": "; JSON has no NaN",
            "Infinity": "; JSON has no Infinity",
            "True": "; JSON writes true",
            "False": "; JSON writes false",
            "None": "; JSON writes null",
            "//": "; JSON has no comments",
            "/*": "; JSON has no comments",
            "#": "; JSON has no comments",
        }
        seen = word.group()
        if seen.startswith("'"):
            return f"{seen}; JSON takes double quotes"
        return (seen if seen.isprintable() else repr(seen)) + advice.get(seen, "")
