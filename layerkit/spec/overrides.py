"""``--set training.epochs=5``: values of a spec that the command line replaces."""

import json
import re
from collections.abc import Sequence
from typing import Any

from layerkit.errors import Path, UserError, place
from layerkit.spec.malformed import MAX_DEPTH, is_number, looks_like_json
from layerkit.spec.text import Document, parse
from layerkit.wording import shortened, visible

_PART = re.compile(r"([^.\[\]=]+)|\[(-?[0-9]{1,9})\]")
_INDEX = re.compile(r"[0-9]{1,9}")


def override(document: Document, assignments: Sequence[str]) -> None:
    """Set values of a document, in order.

    Missing objects on a path are created. A component given by its bare name becomes an object with
    that type.

    Args:
        document: The document, which is changed in place.
        assignments: Each ``PATH=VALUE``, such as ``layers[0].units=30``; negative indices count
            from the end. The value is JSON, or else text.

    Raises:
        UserError: An assignment is malformed, or its path does not exist.
    """
    for words in assignments:
        written, equals, text = words.partition("=")
        path = _path(written)
        if not equals or not path:
            raise _error(words, "must be PATH=VALUE, as in training.epochs=5")
        if len(path) > MAX_DEPTH:
            raise _error(words, f"nested deeper than {MAX_DEPTH} levels")
        path = _assign(document, path, _value(written, text, words), words)
        document.overridden[path] = words


def _error(words: str, message: str) -> UserError:
    return UserError(f"--set {visible(shortened(words))}: {message}")


def _value(written: str, text: str, words: str) -> Any:
    """Return a value parsed as JSON, or else the text itself."""
    parsed, shown = parse(text, "--set"), visible(shortened(written))
    if not parsed.problems:
        return parsed.value
    if not text.strip():
        raise _error(words, f"has no value; an empty text is written '{shown}=\"\"'")
    if is_number(text) and abs(float(text)) < 1e15:
        number = json.dumps(float(text) if re.search("[.eE]", text) else int(text))
        quotes = f"'{shown}=\"{shortened(text.strip())}\"'"
        raise _error(words, f"JSON writes this number {number}; text is written {quotes}")
    if looks_like_json(text):
        raise _error(words, parsed.problems[0].message)
    if not text.isprintable() and any("\ud800" <= c <= "\udfff" for c in text):
        raise _error(words, "the value is not text in UTF-8")
    return text


def _path(written: str) -> Path:
    path: list[str | int] = []
    for part in written.split("."):
        matches = list(_PART.finditer(part))
        if not part or "".join(m.group() for m in matches) != part:
            return ()
        path += [int(m[2] or m[1]) if m[2] or _INDEX.fullmatch(m[1]) else m[1] for m in matches]
    return tuple(path)


def _assign(document: Document, path: Path, value: Any, words: str) -> Path:
    """Set the value, and return its path with indices from 0."""
    holder: Any = {"": document.value}
    key: str | int = ""
    passed: list[str | int] = []
    for depth, part in enumerate(path):
        inner = holder[key]
        if isinstance(part, int):
            if not isinstance(inner, list):
                raise _error(words, f"{place(path[:depth])} has no elements")
            if not -len(inner) <= part < len(inner):
                before = place(path[:depth])
                raise _error(
                    words,
                    f"{before} has {len(inner)} elements, counted from 0; to add or to remove one, "
                    f"give them all: '{before}=[...]'",
                )
            part %= len(inner)
        else:
            if isinstance(inner, str) and depth:
                inner = holder[key] = {"type": inner}
            if not isinstance(inner, dict):
                raise _error(words, f"{place(path[:depth])} is not an object")
            inner.setdefault(part, {})
        holder, key = inner, part
        passed.append(part)
    holder[key] = value
    return tuple(passed)
