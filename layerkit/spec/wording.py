"""What pydantic finds wrong, in layerkit's words: what was expected and what came."""

import json
from collections.abc import Callable
from typing import Any

from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError, ValidationError

from layerkit.annotations import worded_bound
from layerkit.spec.malformed import ENOUGH
from layerkit.wording import LONGEST_VALUE, did_you_mean, listed, quoted, shortened, visible

OURS = "layerkit"
"""The type of an error that is worded already."""

MOST_SUGGESTED = 20
"""How many unknown keys of an object come with a suggestion."""

_EXPECTED: dict[str, Callable[[dict[str, Any]], str]] = {
    "greater_than": lambda c: worded_bound("gt", c["gt"]),
    "greater_than_equal": lambda c: worded_bound("ge", c["ge"]),
    "less_than": lambda c: worded_bound("lt", c["lt"]),
    "less_than_equal": lambda c: worded_bound("le", c["le"]),
    "multiple_of": lambda c: worded_bound("multiple_of", c["multiple_of"]),
    "literal_error": lambda c: f"must be {c['expected'].replace(chr(39), chr(34))}",
    "int_type": lambda c: "must be an integer",
    "int_from_float": lambda c: "must be an integer",
    "float_type": lambda c: "must be a number",
    "bool_type": lambda c: "must be true or false",
    "string_type": lambda c: "must be text",
    "path_type": lambda c: "must be the path of a file",
    "none_required": lambda c: "must be null",
    "list_type": lambda c: "must be an array",
    "tuple_type": lambda c: "must be an array",
    "dict_type": lambda c: "must be an object",
    "model_type": lambda c: "must be an object",
    "too_short": lambda c: worded_bound("min_length", c["min_length"]),
    "too_long": lambda c: worded_bound("max_length", c["max_length"]),
    "string_too_short": lambda c: "must not be empty",
    "string_too_long": lambda c: f"must have at most {c['max_length']} characters",
    "string_pattern_mismatch": lambda c: f"must match {c['pattern']}",
    "value_error": lambda c: str(c["error"]),
}


def worded(error: ValidationError, known: list[str]) -> ValidationError:
    """Return the errors of a model in our words, ready to be raised.

    Args:
        error: What pydantic raised.
        known: The keys of the model, for suggestions.
    """
    found = error.errors(include_url=False)[:ENOUGH]
    missing = [f'"{e["loc"][-1]}"' for e in found if e["type"] == "missing"]
    needs = [problem(f"needs {', '.join(missing)}")] if missing else []
    others = [e for e in found if e["type"] != "missing"]
    # Suggestions cost time, and nobody reads a hundred of them.
    worded = [_worded(e, known, suggest=i < MOST_SUGGESTED) for i, e in enumerate(others)]
    return invalid(*needs, *worded)


def _worded(error: ErrorDetails, known: list[str], suggest: bool) -> InitErrorDetails:
    loc, context = error["loc"], error.get("ctx") or {}
    if error["type"] == OURS:
        message = error["msg"]
    elif error["type"] == "extra_forbidden":
        key = str(loc[-1])
        advice = did_you_mean(key, known) if suggest else ""
        message = f"unknown key {quoted(key)}" + (advice or f"; known: {listed(known) or 'none'}")
    elif error["type"] in _EXPECTED:
        message = _EXPECTED[error["type"]](context)
        if error["type"] != "value_error":
            message += got(error["input"]) + _as_meant(error["type"], error["input"])
    else:
        message = error["msg"][0].lower() + error["msg"][1:] + got(error["input"])
    return problem(message, loc, error["input"])


def _as_meant(type_: str, value: Any) -> str:
    """Return how to write a value of the wrong type, where it is clear what was meant."""
    if type_.startswith("int_") and isinstance(value, float) and value.is_integer():
        return f"; write {int(value)}" if abs(value) < 1e15 else ""
    if type_ == "string_type" and not isinstance(value, dict | list | None):
        return f'; for text write "{json.dumps(value)}"'
    return ""


def problem(message: str, loc: tuple[str | int, ...] = (), value: Any = None) -> InitErrorDetails:
    """Return an error with our own words at a place."""
    # A template without a context is taken as it stands, braces and all.
    return InitErrorDetails(
        type=PydanticCustomError(OURS, message),
        loc=loc,
        input=value,
    )


def again(error: ValidationError) -> list[InitErrorDetails]:
    """Return errors that are worded already, ready to be raised again at the same places."""
    return [problem(e["msg"], e["loc"], e["input"]) for e in error.errors(include_url=False)]


def invalid(*problems: InitErrorDetails) -> ValidationError:
    """Return the exception that carries these errors through pydantic."""
    return ValidationError.from_exception_data("spec", list(problems))


def got(value: Any) -> str:
    """Return ``", got -50"``; of a long value only the beginning."""
    value = value[: LONGEST_VALUE + 1] if isinstance(value, str) else value
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return f", got {visible(shortened(text, LONGEST_VALUE))}"
