"""Find what is wrong with text that is not JSON, or that a spec may not hold."""

import json
import math
import re
import sys
from dataclasses import replace
from itertools import chain
from typing import Any

from layerkit.errors import Problem, Suggestion
from layerkit.wording import is_one_edit_away, quoted, shortened

MAX_DEPTH = 100
"""How deeply arrays and objects may nest; far below the depth at which Python gives up."""

ENOUGH = 500
"""The most problems to look for by default; a spec with more was meant to be something else."""

LARGEST = 2**63 - 1
"""The largest integer that a spec may hold; nothing it could count is more numerous."""

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_PLAIN = r'-?(?:0|[1-9][0-9]{0,14})|\[\]|\{\}|"[^"\\\x00-\x1f\ud800-\udfff]*"'
_ROW = re.compile(rf'(?:(?:{_PLAIN})[ \t\r\n]*,[ \t\r\n]*)+(?=[-0-9"\[{{])')
"""Plain values, each with a comma, up to another value. Reading a long row value by value would
take a second."""
_WORD = re.compile(r"[A-Za-z_]\w*|'[^'\n]*'?|//|#|/\*|.", re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_LITERALS = {"true": True, "false": False, "null": None}

_NUMERIC = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
"""A number as Python and most people write it, even if JSON does not allow that."""

_YAML = re.compile(r"(?:\s|#[^\n]*\n)*(?:---|- |[\w$.\"'-]+[ \t]*:(?:\s|$))")
_TOML = re.compile(r"(?:\s|#[^\n]*\n)*(?:\[+[\w.\"-]+\]+[ \t]*\n|[\w.\"-]+[ \t]*=)")


def read_by_hand(text: str) -> tuple[Any, list[Problem]]:
    """Return the value of a text, and what is wrong with it as JSON.

    At most one problem stops the reading, and it has no path. Duplicate keys do not stop it, until
    there are ``ENOUGH`` of them.
    """
    reader = _Reader(text)
    try:
        value, end = reader.value(0, skip(text, 0))
        end = skip(text, end)
        if end < len(text):
            ended = "the spec ended here, but more text follows"
            raise _NotJsonError(end, "trailing-text", ended)
    except _NotJsonError as error:
        if len(reader.problems) == ENOUGH:
            return None, reader.problems
        word = _WORD.match(text, error.at)
        end = word.end() if word else error.at
        value = None
        reader.problems.append(replace(error.problem, span=(error.at, end)))
    return value, reader.problems


def looks_like_json(text: str) -> bool:
    """Return whether text that is not JSON was meant to be: it begins so, or is a number."""
    return text.lstrip()[:1] in ("{", "[", '"') or is_number(text)


def is_number(text: str) -> bool:
    """Return whether a text is a number as people write it, valid in JSON or not."""
    return bool(_NUMERIC.fullmatch(text.strip()))


def other_notation(text: str) -> str | None:
    """Return the name of the notation in which text that is not JSON seems to be written."""
    if text.lstrip()[:1] in ("{", '"'):
        return None
    if _TOML.match(text):
        return "TOML"
    return "YAML" if _YAML.match(text) else None


def depth(value: Any) -> int:
    """Return how deeply arrays and objects nest; 0 for a plain value."""
    containers = (dict, list)  # tested against a tuple, a value takes half the time
    deep, level = 0, [value] if isinstance(value, containers) else []
    while level:
        inside = chain.from_iterable(v.values() if isinstance(v, dict) else v for v in level)
        deep, level = deep + 1, [v for v in inside if isinstance(v, containers)]
    return deep


def skip(text: str, at: int) -> int:
    """Return the offset after any blanks."""
    if text[at : at + 1] > " ":
        return at
    space = _SPACE.match(text, at)
    return space.end() if space else at


class _NotJsonError(Exception):
    """The text is not JSON from that offset on."""

    def __init__(self, at: int, code: str, expected: str, **more: Any) -> None:
        super().__init__(code)
        self.at = at
        self.problem = Problem(code, (), expected, **more)


class _Reader:
    """Recursive descent over one text; each method returns a value and the offset after it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.problems: list[Problem] = []
        self.path: list[str | int] = []

    def value(self, level: int, at: int) -> tuple[Any, int]:
        opening = self.text[at : at + 1]
        if opening not in ("{", "["):
            return self.scalar(at)
        if level >= MAX_DEPTH:
            raise _NotJsonError(at, "too-deep", f"nested deeper than {MAX_DEPTH} levels")
        self.path.append("")
        read = self.members if opening == "{" else self.items
        value, end = read(level, at)
        self.path.pop()
        return value, end

    def members(self, level: int, at: int) -> tuple[dict[str, Any], int]:
        members: dict[str, Any] = {}
        at = skip(self.text, at + 1)
        if self.text[at : at + 1] == "}":
            return members, at + 1
        while True:
            if self.text[at : at + 1] != '"':
                raise self.unexpected(at, "a key in double quotes")
            key, end = self.string(at)
            self.path[-1] = key
            if key in members:
                twice: dict[str, Any] = {"got": quoted(key), "hint": "keep one", "span": (at, end)}
                self.problems.append(Problem("duplicate-key", tuple(self.path), **twice))
                if len(self.problems) == ENOUGH:
                    raise _NotJsonError(at, "duplicate-key", "", **twice)
            at = skip(self.text, end)
            if self.text[at : at + 1] != ":":
                raise self.unexpected(at, '":" after the key')
            members[key], at = self.value(level + 1, skip(self.text, at + 1))
            at, closed = self.separator(at, "}")
            if closed:
                return members, at

    def items(self, level: int, at: int) -> tuple[list[Any], int]:
        items: list[Any] = []
        at = skip(self.text, at + 1)
        if self.text[at : at + 1] == "]":
            return items, at + 1
        while True:
            if row := _ROW.match(self.text, at):
                items += json.loads(f"[{row.group()}0]")[:-1]
                at = row.end()
            self.path[-1] = len(items)
            item, at = self.value(level + 1, at)
            items.append(item)
            at, closed = self.separator(at, "]")
            if closed:
                return items, at

    def separator(self, at: int, closing: str) -> tuple[int, bool]:
        at = skip(self.text, at)
        mark = self.text[at : at + 1]
        if mark == closing:
            return at + 1, True
        if mark != ",":
            raise self.unexpected(at, f'"," or "{closing}"')
        behind = skip(self.text, at + 1)
        if self.text[behind : behind + 1] == closing:
            comma = f'a comma before "{closing}" is not JSON'
            remove = Suggestion("", "certain", "silent")
            raise _NotJsonError(at, "trailing-comma", comma, hint="remove it", suggestion=remove)
        return behind, False

    def scalar(self, at: int) -> tuple[Any, int]:
        if self.text[at : at + 1] == '"':
            return self.string(at)
        number = _NUMBER.match(self.text, at)
        if number:
            return self.number(at, number.group()), number.end()
        word = _WORD.match(self.text, at)
        if word and word.group() in _LITERALS:
            return _LITERALS[word.group()], word.end()
        raise self.unexpected(at, "a value")

    def number(self, at: int, written: str) -> int | float:
        is_float = any(c in written for c in ".eE")
        try:
            value = float(written) if is_float else int(written)
        except ValueError:  # more digits than Python turns into an integer
            value = math.inf
        if abs(value) > (sys.float_info.max if is_float else LARGEST):
            raise _NotJsonError(at, "number-too-large", "the number is too large")
        return value

    def string(self, at: int) -> tuple[str, int]:
        string = _STRING.match(self.text, at)
        if not string:
            endless = "the text in quotes does not end, or holds a bad escape"
            raise _NotJsonError(at, "bad-text", endless)
        text = string.group()
        value: str = json.loads(text) if "\\" in text else text[1:-1]  # a tenth of the time
        if _SURROGATE.search(value):
            half = "the text holds half a surrogate pair, which is not a character"
            raise _NotJsonError(at, "bad-text", half)
        return value, string.end()

    def unexpected(self, at: int, expected: str) -> _NotJsonError:
        """Return the error for unexpected text, with how to write it if that is clear."""
        is_start = self.text[:at].strip() in ("", "[")  # TOML may begin with a table, [data]
        notation = other_notation(self.text) if is_start else None
        if notation:
            hint = "write it as JSON: an object in braces, keys and text in quotes"
            return _NotJsonError(at, "no-json", f"a spec is JSON, got {notation}", hint=hint)
        word = _WORD.match(self.text, at)
        if not word:
            return _NotJsonError(at, "syntax", expected, got="the end of the text")
        seen = word.group()
        shown = shortened(seen) if seen.isprintable() else repr(shortened(seen))
        hint = "JSON takes double quotes" if seen.startswith("'") else _HINTS.get(seen, "")
        meant = self.meant(at, seen)
        return _NotJsonError(at, "syntax", expected, got=shown, hint=hint, suggestion=meant)

    def meant(self, at: int, seen: str) -> Suggestion | None:
        """Return the JSON spelling of a word that other languages write differently."""
        before_digit = self.text[at + 1 : at + 2].isdecimal()
        if seen == "." and before_digit:
            return Suggestion("0", "certain", "silent", span=(at, at))
        if seen == "+" and before_digit:
            return Suggestion("", "certain", "silent")
        if _QUOTED.fullmatch(seen):
            return Suggestion(f'"{seen[1:-1]}"', "certain", "silent")
        if seen == "None":
            return Suggestion("null", "certain", "silent")
        literals = [
            word
            for word in _LITERALS
            if seen.lower() == word or is_one_edit_away(seen.lower(), word)
        ]
        if not literals:
            return None
        return Suggestion(literals[0], "certain", "silent" if seen in _HINTS else "ask")


_QUOTED = re.compile(r"""'[^'"\\]*'""")

_HINTS = {
    "NaN": "JSON has no NaN",
    "Infinity": "JSON has no Infinity",
    "True": "JSON writes true",
    "False": "JSON writes false",
    "None": "JSON writes null",
    "//": "JSON has no comments",
    "/*": "JSON has no comments",
    "#": "JSON has no comments",
    ".": "JSON writes a digit before the point, as in 0.5",
    "+": "JSON writes no plus sign",
}
"""How JSON differs from other languages, by the word that it does not have."""
