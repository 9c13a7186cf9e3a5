"""``--set training.epochs=5``: values of a spec that the command line changes."""

import json
import re
from collections.abc import Sequence
from typing import Any

from layerkit.errors import Path, UserError, place
from layerkit.spec.extending import KEY as EXTENDS
from layerkit.spec.malformed import MAX_DEPTH, is_number, looks_like_json
from layerkit.spec.text import Document, parse
from layerkit.wording import shortened, visible

_PART = re.compile(r"([^.\[\]=]+)|\[(-?[0-9]{1,9})\]")
_INDEX = re.compile(r"[0-9]{1,9}")

APPEND = "[+]"
REMOVE = "~"

_OTHER_APPENDS = re.compile(r"\+$|\[\]$")
"""How other languages append to an array: ``layers+=``, ``layers[]=``."""


def override(document: Document, changes: Sequence[str]) -> None:
    """Change values of a document, in order.

    Missing objects on a path are created. A component given by its bare name becomes an object with
    that type.

    Args:
        document: The document, which is changed in place.
        changes: Each ``PATH=VALUE``, such as ``layers[0].units=30``; or ``~PATH``, which removes an
            element or a member. Negative indices count from the end, and ``[+]`` at the end of a
            path appends an element. The value is JSON, or else text.

    Raises:
        UserError: A change is malformed, or its path does not exist.
    """
    for words in changes:
        if words.startswith(REMOVE):
            _remove(document, words)
        else:
            _set(document, words)


def _set(document: Document, words: str) -> None:
    written, equals, text = words.partition("=")
    if equals and (other := _OTHER_APPENDS.search(written)):
        array = visible(shortened(written[: other.start()]))
        raise _error(words, f"to append an element, write '{array}[+]=...'")
    array, is_appended, _ = written.partition(APPEND)
    path = (*_path(array), *([APPEND] if is_appended else []))
    if not equals or len(path) <= bool(is_appended) or array + is_appended != written:
        raise _error(words, "must be PATH=VALUE, as in training.epochs=5")
    _check(path, words)
    path = _assign(document, path, _value(written, text, words), words)
    document.overridden[path] = words


def _remove(document: Document, words: str) -> None:
    written, equals, _ = words[len(REMOVE) :].partition("=")
    path = _path(written)
    if equals:
        shown = visible(shortened(written))
        raise _error(words, f"~ removes, and takes no value: '{REMOVE}{shown}'")
    if not path:
        raise _error(words, "must be ~PATH, as in ~layers[1]")
    _check(path, words)
    inner, passed = document.value, list[str | int]()
    for depth, part in enumerate(path):
        if isinstance(part, int):
            part = _index(inner, part, path[:depth], words)
        elif not isinstance(inner, dict) or part not in inner:
            raise _error(words, f"{place(path[:depth])} has no {visible(shortened(part))}")
        outer, inner = inner, inner[part]
        passed.append(part)
    del outer[part]
    document.forget(tuple(passed), words)


def _check(path: Path, words: str) -> None:
    if len(path) > MAX_DEPTH:
        raise _error(words, f"nested deeper than {MAX_DEPTH} levels")
    if path[0] == EXTENDS:
        raise _error(words, "a spec extends another before --set applies; write it in the file")


def _error(words: str, message: str) -> UserError:
    return UserError(f"--set {visible(shortened(words))}: {message}")


def _value(written: str, text: str, words: str) -> Any:
    """Return a value parsed as JSON, or else the text itself."""
    parsed, shown = parse(text, "--set"), visible(shortened(written))
    if not parsed.problems:
        return parsed.value
    if not text.strip():
        raise _error(
            words,
            f"has no value; an empty text is written '{shown}=\"\"', and '{REMOVE}{shown}' removes "
            "what is there",
        )
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
        if part == APPEND:
            _check_array(inner, path[:depth], words)
            part = len(inner)
            inner.append(None)
        elif isinstance(part, int):
            part = _index(inner, part, path[:depth], words)
        else:
            if isinstance(inner, str) and depth:
                inner = holder[key] = {"type": inner}
            if not isinstance(inner, dict):
                raise _error(words, f"{place(path[:depth])} is not an object")
            inner.setdefault(part, [] if path[depth + 1 :] == (APPEND,) else {})
        holder, key = inner, part
        passed.append(part)
    holder[key] = value
    return tuple(passed)


def _index(array: Any, index: int, path: Path, words: str) -> int:
    """Return the index of an element, counted from 0."""
    _check_array(array, path, words)
    if not -len(array) <= index < len(array):
        name = place(path)
        raise _error(
            words, f"{name} has {len(array)} elements, counted from 0; '{name}[+]=...' appends one"
        )
    return index % len(array)


def _check_array(value: Any, path: Path, words: str) -> None:
    if not isinstance(value, list):
        raise _error(words, f"{place(path)} has no elements")
