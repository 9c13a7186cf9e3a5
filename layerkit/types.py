"""The types that signatures share: arrays, shapes, and bounded numbers.

The bounds are ``annotated_types`` metadata, which pydantic reads, so a contract can state
them without importing pydantic.
"""

from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt, Interval

Array: TypeAlias = npt.NDArray[Any]
"""A NumPy array; its first axis is the batch unless its docstring says otherwise."""

Shape: TypeAlias = tuple[int, ...]
"""The shape of one example, without the batch axis."""

MOST_AXES = 32
"""The most axes of an array, including its batch axis. NumPy makes arrays of up to 64, but
many of its functions support only half as many."""

Rng: TypeAlias = np.random.Generator

Meaning: TypeAlias = Literal["numbers", "probabilities", "logits", "class_logits"]
"""What the outputs of a network mean. Each probability is from 0 to 1. A logit is
``log(p / (1 - p))`` for the probability ``p`` of yes, so 0 means one half. The softmax of class
logits gives the probabilities, so only their differences count."""

PositiveInt = Annotated[int, Gt(0)]
NonNegativeInt = Annotated[int, Ge(0)]
PositiveFloat = Annotated[float, Gt(0)]
NonNegativeFloat = Annotated[float, Ge(0)]
Fraction = Annotated[float, Interval(ge=0, lt=1)]
"""A share that is less than the whole: ``0 <= f < 1``."""
