"""Turn pydantic's errors into problems at places of the validated document."""

from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from layerkit.errors import Path, Problem

_OF_VALUES = {"wrong-type", "wrong-value", "out-of-bounds"}
"""The codes of problems that say what a value must be, and so can be joined by "or"."""


def problems_of(error: ValidationError, value: Any) -> list[Problem]:
    """Return pydantic's errors as problems at places of the document.

    Pydantic puts the names of the union members that it tried between the keys of a place. A part
    that is not a key of the document is such a name. The members' errors about one value become one
    problem. If a member got further into the value than the others, only its errors count.
    """
    single: list[Problem] = []
    tried: dict[Path, list[Problem]] = {}
    for raised in error.errors(include_url=False):
        path = _path(raised["loc"], value)
        problem = replace(raised["ctx"]["problem"], path=path)
        if len(path) == len(raised["loc"]):
            single.append(problem)
        else:
            tried.setdefault(path, []).append(problem)
    paths = [*tried, *(s.path for s in single)]
    surrounding = {path[:length] for path in paths for length in range(len(path))}
    for path, problems in tried.items():
        if path not in surrounding:
            single.append(_either(problems))
    return single


def _path(loc: tuple[str | int, ...], value: Any) -> Path:
    path: list[str | int] = []
    for part in loc:
        inside = part in value if isinstance(value, dict) else False
        inside = inside or (isinstance(value, list) and isinstance(part, int))
        if inside:
            path.append(part)
            value = value[part]
    return tuple(path)


def _either(problems: list[Problem]) -> Problem:
    """Join what the members of a union expected in one problem: ``must be a or b, got c``."""
    problems = list(dict.fromkeys(problems))
    of_values = [p for p in problems if p.code in _OF_VALUES]
    others = tuple(p for p in problems if p.code not in _OF_VALUES)
    if not of_values:
        return replace(others[0], also=others[1:])
    first = of_values[0]
    codes = {p.code for p in of_values}
    return replace(
        first,
        code=first.code if len(codes) == 1 else "wrong-type",
        expected=" or ".join(dict.fromkeys(p.expected for p in of_values)),
        # Any value can be written as text, so another way to write it comes first.
        suggestion=min(
            (p.suggestion for p in of_values if p.suggestion),
            key=lambda suggestion: suggestion.wording == "text",
            default=None,
        ),
        also=others,
    )
