"""Find the characters of keys and values in a JSON text."""

import json
from typing import Any

from layerkit.errors import Path, Problem, Span
from layerkit.spec.malformed import skip


def span_of(problem: Problem, keys: dict[Path, Span], values: dict[Path, Span]) -> Span:
    """Return the characters that a problem is about, or those of the value around them.

    Args:
        problem: The problem.
        keys: The characters of keys.
        values: The characters of values.
    """
    if problem.span is not None:
        return problem.span
    if problem.at_key and problem.path in keys:
        return keys[problem.path]
    path = problem.path
    while path and path not in values:
        path = path[:-1]
    return values.get(path, (0, 0))


class Locator:
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
