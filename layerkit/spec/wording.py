"""Turn pydantic's errors into problems of a spec: what was expected and what was there."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError, ValidationError

from layerkit.annotations import worded_bound
from layerkit.errors import Problem, Suggestion
from layerkit.spec.malformed import ENOUGH, is_number
from layerkit.wording import (
    LONGEST_VALUE,
    listed,
    nearest,
    quoted,
    shortened,
    slips,
    visible,
)

OURS = "layerkit"
"""The type of an error that carries a problem in its context."""


@dataclass(frozen=True)
class Effort:
    """How much time a validation may spend on what is wrong.

    Attributes:
        problems: The most problems to look for.
        similar: The most unknown names of one object that are compared for a similar name, which
            only a person can confirm. A suggestion that is certain takes no such comparison.
    """

    problems: int = ENOUGH
    similar: int = 20


DEFAULT_EFFORT = Effort()

_TYPES = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "path_type": "the path of a file",
    "none_required": "null",
    "list_type": "an array",
    "tuple_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
}

_BOUNDS = {
    "greater_than": "gt",
    "greater_than_equal": "ge",
    "less_than": "lt",
    "less_than_equal": "le",
    "multiple_of": "multiple_of",
    "too_short": "min_length",
    "too_long": "max_length",
}

_OTHERS: dict[str, Callable[[dict[str, Any]], tuple[str, str]]] = {
    "literal_error": lambda c: ("wrong-value", c["expected"].replace("'", '"')),
    "string_too_short": lambda c: ("empty-text", ""),
    "string_too_long": lambda c: ("wrong-length", f"at most {c['max_length']} characters"),
    "string_pattern_mismatch": lambda c: ("wrong-pattern", c["pattern"]),
}


def worded(
    error: ValidationError, model: type[BaseModel], effort: Effort = DEFAULT_EFFORT
) -> ValidationError:
    """Return the errors of a model as problems of a spec, ready to be raised.

    Args:
        error: What pydantic raised.
        model: The model, whose keys and values serve as suggestions.
        effort: How much time to spend.
    """
    known = [field.alias or name for name, field in model.model_fields.items()]
    errors = error.errors(include_url=False)[: effort.problems]
    missing = [f'"{e["loc"][-1]}"' for e in errors if e["type"] == "missing"]
    needs = [refusal(Problem("missing-key", expected=", ".join(missing)))] if missing else []
    others = [e for e in errors if e["type"] != "missing"]
    return invalid(
        *needs,
        *(
            refusal(_problem(e, known, model, i < effort.similar), e["loc"], e["input"])
            for i, e in enumerate(others)
        ),
    )


def _problem(
    error: ErrorDetails, known: list[str], model: type[BaseModel], similar: bool
) -> Problem:
    kind, context, value = error["type"], error.get("ctx") or {}, error["input"]
    if kind == OURS:
        problem: Problem = context["problem"]
        return problem
    if kind == "extra_forbidden":
        key = str(error["loc"][-1])
        suggestion = suggested(key, known, similar)
        hint = "" if suggestion else f"known: {listed(known) or 'none'}"
        return Problem("unknown-key", (), "", quoted(key), suggestion, hint, at_key=True)
    if kind == "value_error":
        return Problem("options-do-not-fit", expected=str(context["error"]))
    if kind in _TYPES:
        suggestion = _as_meant(kind, value)
        return Problem("wrong-type", (), _TYPES[kind], got(value), suggestion)
    if kind in _BOUNDS:
        name = _BOUNDS[kind]
        verb, expected = worded_bound(name, context[name])
        code = "out-of-bounds" if verb == "must be" else "wrong-length"
        return Problem(code, (), expected, got(value))
    if kind in _OTHERS:
        code, expected = _OTHERS[kind](context)
        choices: list[str] = []
        if kind == "literal_error" and error["loc"]:
            choices = list(_choices(model, str(error["loc"][0])))
        meant = slips(value, choices) if isinstance(value, str) else []
        suggestion = _certain(meant[0], "silent") if len(meant) == 1 else None
        return Problem(code, (), expected, got(value), suggestion)
    return Problem("invalid", (), error["msg"][0].lower() + error["msg"][1:], got(value))


def _choices(model: type[BaseModel], key: str) -> Iterator[str]:
    """Yield the texts that the annotation of a key lists."""
    for name, field in model.model_fields.items():
        if key in (name, field.alias):
            yield from _literals(field.annotation)


def _literals(hint: Any) -> Iterator[str]:
    if get_origin(hint) is Literal:
        yield from (value for value in get_args(hint) if isinstance(value, str))
        return
    for part in get_args(hint):
        yield from _literals(part)


def _as_meant(kind: str, value: Any) -> Suggestion | None:
    """Return how to write a value of the wrong type, if it is clear what was meant."""
    if kind.startswith("int_") and isinstance(value, float) and value.is_integer():
        return Suggestion(f"{int(value)}", "certain", "write") if abs(value) < 1e15 else None
    if kind == "string_type" and not isinstance(value, dict | list | None):
        return Suggestion(f'"{json.dumps(value)}"', "certain", "text")
    if isinstance(value, str) and len(value) <= LONGEST_VALUE:
        if kind == "bool_type" and value.lower() in ("true", "false"):
            return Suggestion(value.lower(), "certain", "silent")
        if kind in ("int_type", "float_type") and is_number(value):
            try:
                written = json.loads(value)
            except ValueError:
                return None
            if kind == "float_type" or isinstance(written, int):
                return Suggestion(value.strip(), "certain", "silent")
    return None


def suggested(word: str, words: Sequence[str], similar: bool = True) -> Suggestion | None:
    """Return the known name that a misspelt one was meant to be, if one comes close.

    It is certain if exactly one is a single typing slip away.

    Args:
        word: The misspelt name.
        words: The known names.
        similar: Whether to look for a similar name if none is certain, which takes longer.
    """
    near = slips(word, words)
    if len(near) == 1:
        return _certain(near[0], "ask")
    close = nearest(word, list(words)) if similar else ""
    return Suggestion(json.dumps(close, ensure_ascii=False), "maybe") if close else None


def _certain(text: str, wording: Literal["ask", "silent"]) -> Suggestion:
    return Suggestion(json.dumps(text, ensure_ascii=False), "certain", wording)


def refusal(
    problem: Problem, loc: tuple[str | int, ...] = (), value: Any = None
) -> InitErrorDetails:
    """Return an error that carries a problem through pydantic to its place."""
    error = PydanticCustomError(OURS, "a problem of a spec", {"problem": problem})
    return InitErrorDetails(type=error, loc=loc, input=value)


def again(error: ValidationError, known: Sequence[str] = ()) -> list[InitErrorDetails]:
    """Return errors that carry problems, ready to be raised again at the same places.

    Args:
        error: The errors.
        known: More keys that the object may have.
    """
    return [
        refusal(
            with_keys(e["ctx"]["problem"], e["loc"], known) if known else e["ctx"]["problem"],
            e["loc"],
            e["input"],
        )
        for e in error.errors(include_url=False)
    ]


def with_keys(problem: Problem, loc: tuple[str | int, ...], known: Sequence[str]) -> Problem:
    """Return a problem with one of these keys as its suggestion, if it was certainly meant."""
    if problem.code != "unknown-key" or len(loc) != 1:
        return problem
    if problem.suggestion is not None and problem.suggestion.applicability == "certain":
        return problem
    suggestion = suggested(str(loc[0]), known, similar=False)
    if suggestion is None:
        return problem
    return replace(problem, suggestion=suggestion, hint="")


def invalid(*problems: InitErrorDetails) -> ValidationError:
    """Return the exception that carries these errors through pydantic."""
    return ValidationError.from_exception_data("spec", list(problems))


def got(value: Any) -> str:
    """Return a value as JSON, cut short if it is long."""
    value = value[: LONGEST_VALUE + 1] if isinstance(value, str) else value
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return visible(shortened(text, LONGEST_VALUE))
