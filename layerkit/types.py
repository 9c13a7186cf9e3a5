"""The types that signatures share: arrays, shapes, and numbers with a bound.

The bounds are ``annotated_types`` metadata, which pydantic reads, so that a contract can state
them without importing pydantic.
"""

from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt, Interval

Array: TypeAlias = npt.NDArray[Any]
"""A NumPy array; its first axis is the batch unless its docstring says otherwise."""

Shape: TypeAlias = tuple[int, ...]
"""The shape of one example: the batch axis is left out."""

MOST_AXES = 32
"""How many axes an array may have, its batch axis included. NumPy makes arrays of up to 64, but
much of it works with half as many only."""

Rng: TypeAlias = np.random.Generator

Meaning: TypeAlias = Literal["numbers", "probabilities", "logits", "class_logits"]
"""What the outputs of a network mean. Of probabilities each is from 0 to 1. A logit is
``log(p / (1 - p))`` of the probability of yes, so that 0 stands for one half; of class logits the
softmax gives the probabilities, so that only their differences count."""

PositiveInt = Annotated[int, Gt(0)]
NonNegativeInt = Annotated[int, Ge(0)]
PositiveFloat = Annotated[float, Gt(0)]
NonNegativeFloat = Annotated[float, Ge(0)]
Fraction = Annotated[float, Interval(ge=0, lt=1)]
"""A share of something of which at least a little is left: ``0 <= f < 1``."""
