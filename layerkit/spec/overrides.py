"""``--set training.epochs=5``: values of a spec that the command line replaces."""

import re
from collections.abc import Sequence
from typing import Any

from layerkit.errors import Path, UserError, place
from layerkit.spec.text import Document, looks_like_json, parse

_PART = re.compile(r"([^.\[\]=]+)|\[([0-9]{1,9})\]")
_INDEX = re.compile(r"[0-9]{1,9}")


def override(document: Document, assignments: Sequence[str]) -> None:
    """Set values of a document, in order.

    Objects on the way that are not there yet are made; a component given by its bare name becomes
    an object with that type.

    Args:
        document: Is changed in place.
        assignments: Each ``PATH=VALUE``, as in ``layers[0].units=30``. The value is JSON, or else
            text.

    Raises:
        UserError: An assignment has no such form, or its path leads nowhere.
    """
    for words in assignments:
        written, equals, text = words.partition("=")
        path = _path(written)
        if not equals or not path:
            raise UserError(f"--set {words}: must be PATH=VALUE, as in training.epochs=5")
        parsed = parse(text, "--set")
        if parsed.problems and looks_like_json(text):
            raise UserError(f"--set {words}: {parsed.problems[0].message}")
        value = text if parsed.problems else parsed.value
        _assign(document, path, value, words)
        document.overridden[path] = words


def _path(written: str) -> Path:
    path: list[str | int] = []
    for part in written.split("."):
        found = list(_PART.finditer(part))
        if not part or "".join(m.group() for m in found) != part:
            return ()
        parts = (m[2] or m[1] for m in found)
        path += [int(part) if _INDEX.fullmatch(part) else part for part in parts]
    return tuple(path)


def _assign(document: Document, path: Path, value: Any, words: str) -> None:
    holder: Any = {"": document.value}
    key: str | int = ""
    for depth, part in enumerate(path):
        inner = holder[key]
        if isinstance(part, int):
            if not isinstance(inner, list) or part >= len(inner):
                there = len(inner) if isinstance(inner, list) else "no"
                raise UserError(f"--set {words}: {place(path[:depth])} has {there} elements")
        else:
            if isinstance(inner, str) and depth:
                inner = holder[key] = {"type": inner}
            if not isinstance(inner, dict):
                raise UserError(f"--set {words}: {place(path[:depth])} is not an object")
            inner.setdefault(part, {})
        holder, key = inner, part
    holder[key] = value
