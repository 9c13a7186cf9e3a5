"""Arguments of calls in Python: classes, shapes, types and seeds, each checked with a message."""

from inspect import isclass
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

from layerkit.errors import UserError
from layerkit.types import Rng, Shape
from layerkit.wording import LONGEST_VALUE, shortened


def plain(value: Any) -> Any:
    """Return a value with all NumPy scalars in it as Python numbers.

    Python numbers do not change the type of an array, while float32 times ``np.float64(0.1)`` is
    float64.
    """
    if isinstance(value, np.generic):
        return value.item()
    if type(value) in (tuple, list):
        return type(value)(map(plain, value))
    return value


def shown(value: Any) -> str:
    """Return a value as a message shows it, shortened if it is long."""
    if isclass(value):
        return f"the class {value.__name__}; make an instance of it: {value.__name__}(...)"
    text = " ".join(repr(value).split())
    return shortened(text, LONGEST_VALUE)


def check_instance(value: Any, cls: type[Any], name: str) -> None:
    """Refuse an argument of another class.

    Args:
        value: The argument.
        cls: The required class.
        name: Its name in the message.

    Raises:
        UserError: It is not an instance of the class.
    """
    if not isinstance(value, cls):
        raise UserError(f"{name} must be an instance of {cls.__name__}, got {shown(value)}")


def checked_shape(value: Any, name: str) -> Shape:
    """Return a shape, with its axes as Python ints.

    Args:
        value: The shape.
        name: Its name in the message.

    Raises:
        UserError: It is not a tuple of ints from 0.
    """
    axes = plain(value)
    if not isinstance(axes, tuple) or not all(type(n) is int and n >= 0 for n in axes):
        raise UserError(
            f"{name} must be a tuple of ints, as in (784,) for examples of 784 numbers each, "
            f"got {shown(value)}"
        )
    return axes


def checked_dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """Return a type that networks compute in.

    Raises:
        UserError: It is neither float32 nor float64.
    """
    try:
        resolved = np.dtype(dtype)
    except TypeError:
        resolved = np.dtype(object)
    if resolved not in (np.float32, np.float64):
        name = dtype.__name__ if isclass(dtype) else dtype
        raise UserError(f"dtype must be float32 or float64, got {name}")
    return resolved


def checked_seed(seed: Any) -> int:
    """Return a seed as a Python int.

    Raises:
        UserError: It is not an integer from 0.
    """
    return checked_count(seed, "seed")


def checked_count(value: Any, name: str) -> int:
    """Return a count as a Python int.

    Args:
        value: The count.
        name: Its name in the message.

    Raises:
        UserError: It is not an integer from 0.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 0:
        raise UserError(f"{name} must be an integer from 0 on, got {shown(value)}")
    return int(value)


def checked_rng(rng: Any) -> Rng:
    """Return a generator, or a new one for a seed.

    Raises:
        UserError: The seed is not an integer from 0.
    """
    is_source = isinstance(rng, np.random.Generator | np.random.SeedSequence)
    return np.random.default_rng(rng if is_source else checked_seed(rng))
