"""The inputs of a graph, the only place where a spec holds numbers in bulk."""

from typing import Annotated, Any

import numpy as np
from pydantic import Field, PlainValidator
from pydantic_core import InitErrorDetails
from typing_extensions import TypeAliasType

from layerkit.errors import Problem
from layerkit.spec.wording import got, invalid, refusal
from layerkit.types import MOST_AXES, Array


def _wrong(expected: str, value: Any) -> InitErrorDetails:
    return refusal(Problem("wrong-type", (), expected, got(value)))


def _numbers(value: Any) -> Array:
    axes, inner = 0, value
    while isinstance(inner, list) and inner:
        axes, inner = axes + 1, inner[0]
    if axes > MOST_AXES:
        raise invalid(refusal(Problem("wrong-length", (), f"at most {MOST_AXES} axes", f"{axes}")))
    array = np.asarray(value, object)  # lists of unequal lengths stay lists in it
    types = set(map(type, array.flat))
    if list in types and array.ndim:
        raise invalid(_wrong("rectangular: arrays side by side have one shape", value))
    if not types or not types <= {int, float}:
        raise invalid(_wrong("a number or an array of numbers", value))
    return array.astype(np.float64)


Numbers = TypeAliasType("Numbers", "float | Annotated[list[Numbers], Field(min_length=1)]")
"""A graph's input in the JSON Schema, which cannot express that arrays are rectangular."""

GraphInput = Annotated[Any, PlainValidator(_numbers, json_schema_input_type=Numbers)]
