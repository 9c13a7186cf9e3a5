"""What pydantic raises, as problems at places of the document that was validated."""

from typing import Any

from pydantic import ValidationError

from layerkit.errors import Path, Problem


def problems_of(error: ValidationError, value: Any) -> list[Problem]:
    """Return pydantic's errors as problems at places of the document.

    Between the keys of a place pydantic names the members of a union that it tried; what is no key
    of the document is such a name. The members' errors about one value become one problem, and
    where a member got further into the value than the others, its errors alone count.
    """
    single: list[Problem] = []
    tried: dict[Path, list[str]] = {}
    for found in error.errors(include_url=False):
        path = _path(found["loc"], value)
        at_key = found["msg"].startswith("unknown key")
        if len(path) == len(found["loc"]):
            single.append(Problem(path, found["msg"], at_key))
        else:
            tried.setdefault(path, []).append(found["msg"])
    paths = [*tried, *(s.path for s in single)]
    surrounding = {path[:length] for path in paths for length in range(len(path))}
    for path, messages in tried.items():
        if path not in surrounding:
            single.append(Problem(path, _either(messages), messages[0].startswith("unknown key")))
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


def _either(messages: list[str]) -> str:
    """Join what each member of a union expected: ``must be a or b, got c``."""
    messages = list(dict.fromkeys(messages))
    types = [m.removeprefix("must be ") for m in messages if m.startswith("must be ")]
    others = [m for m in messages if not m.startswith("must be ")]
    if types:
        value = types[0].partition(", got ")[2]
        expected = " or ".join(dict.fromkeys(m.partition(", got ")[0] for m in types))
        others.insert(0, f"must be {expected}" + (f", got {value}" if value else ""))
    return "; ".join(others)
