"""Arguments of calls in Python: classes, shapes, types and seeds, each checked with a message."""

from inspect import isclass
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

from layerkit.errors import DataError, UserError
from layerkit.types import Array, Rng, Shape
from layerkit.wording import LONGEST_VALUE, shortened

EXACT = {4: 2**24, 8: 2**53}
"""The number up to which a float of so many bytes holds all whole numbers."""

BLOCK = 2**20
"""How many numbers are looked at at a time: a few megabytes, which caches hold."""


def plain(value: Any) -> Any:
    """Return a value with the scalars of NumPy in it as numbers of Python.

    Numbers of Python leave the type of an array alone, while float32 times ``np.float64(0.1)`` is
    float64.
    """
    if isinstance(value, np.generic):
        return value.item()
    if type(value) in (tuple, list):
        return type(value)(map(plain, value))
    return value


def shown(value: Any) -> str:
    """Return a value as a message shows it; of a long one only the beginning."""
    if isclass(value):
        return f"the class {value.__name__}; make an instance of it: {value.__name__}(...)"
    text = " ".join(repr(value).split())
    return shortened(text, LONGEST_VALUE)


def check_instance(value: Any, cls: type[Any], name: str) -> None:
    """Refuse an argument of another class.

    Args:
        value: The argument.
        cls: What it must be an instance of.
        name: What the message calls it.

    Raises:
        UserError: It is something else.
    """
    if not isinstance(value, cls):
        raise UserError(f"{name} must be an instance of {cls.__name__}, got {shown(value)}")


def checked_shape(value: Any, name: str) -> Shape:
    """Return a shape, its axes as ints of Python.

    Args:
        value: The shape.
        name: What the message calls it.

    Raises:
        UserError: It is no tuple of ints from 0 on.
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
        found = np.dtype(dtype)
    except TypeError:
        found = np.dtype(object)
    if found not in (np.float32, np.float64):
        name = dtype.__name__ if isclass(dtype) else dtype
        raise UserError(f"dtype must be float32 or float64, got {name}")
    return found


def checked_seed(seed: Any) -> int:
    """Return a seed as an int of Python.

    Raises:
        UserError: It is no integer from 0 on.
    """
    return checked_count(seed, "seed")


def checked_count(value: Any, name: str) -> int:
    """Return a number of things as an int of Python.

    Args:
        value: The number.
        name: What the message calls it.

    Raises:
        UserError: It is no integer from 0 on.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 0:
        raise UserError(f"{name} must be an integer from 0 on, got {shown(value)}")
    return int(value)


def checked_rng(rng: Any) -> Rng:
    """Return a generator, or a new one that begins with a seed.

    Raises:
        UserError: The seed is no integer from 0 on.
    """
    is_source = isinstance(rng, np.random.Generator | np.random.SeedSequence)
    return np.random.default_rng(rng if is_source else checked_seed(rng))


def checked_numbers(x: Any, dtype: np.dtype[Any] | None = None, name: str = "examples") -> Array:
    """Return numbers as an array.

    Args:
        x: Integers, booleans or floats, in an array or in nested lists.
        dtype: The type to convert them to; their own by default.
        name: What the message calls them.

    Raises:
        DataError: They are something else: complex numbers, text, dates, masked, or lists of
            different lengths. Or the type makes infinity of one, or the same of whole numbers
            that stand in one column.
    """
    try:
        array = np.asarray(x)
    except (ValueError, TypeError) as error:
        raise DataError(f"{name} must be an array of numbers: {error}") from None
    is_masked = type(x).__name__ == "MaskedArray"  # numpy.ma takes long to import
    if array.dtype.kind not in "biuf" or is_masked:
        got = "a masked array" if is_masked else str(array.dtype)
        raise DataError(f"{name} must be an array of integers or floats, got {got}")
    return array if dtype is None else _converted(array, dtype, name)


def checked_floats(x: Any, dtype: npt.DTypeLike, name: str) -> Array:
    """Return float32 and float64 as they are, and other numbers in the type that is computed in.

    Bytes would wrap round, and the sums of float16 are soon infinite.

    Args:
        x: Integers, booleans or floats, in an array or in nested lists.
        dtype: The type to convert them to.
        name: What the message calls them.

    Raises:
        DataError: They are something else, or the type does not hold them.
    """
    array = checked_numbers(x, name=name)
    return array if array.dtype.char in "fd" else _converted(array, np.dtype(dtype), name)


def _converted(x: Array, dtype: np.dtype[Any], name: str) -> Array:
    """Return numbers in another type, which holds them."""
    size, is_float = x.dtype.itemsize, x.dtype.kind == "f"
    # Neither 16 bits nor a narrower float can say more than the type.
    if size <= 2 or (is_float and size <= dtype.itemsize):
        return np.asarray(x, dtype)
    try:
        # An overflow that is raised costs less than a search for the largest number.
        converted: Array = _as_held(x, dtype) if is_float else np.asarray(x, dtype)
    except FloatingPointError:
        check_range(x, dtype, name)
        raise
    if x.size > 1 and len(x) > 1:
        _check_apart(x, converted, name)
    return converted


@np.errstate(over="raise")
def _as_held(x: Array, dtype: np.dtype[Any]) -> Array:
    """Return numbers in another type, which must hold them."""
    return np.asarray(x, dtype)


def check_range(x: Array, dtype: np.dtype[Any], name: str) -> None:
    """Refuse finite numbers of which a type makes infinity.

    Args:
        x: The numbers.
        dtype: The type.
        name: What the message calls them.

    Raises:
        DataError: It says how large they are and what to do.
    """
    most = np.finfo(dtype).max
    largest = np.abs(x[np.isfinite(x)]).max(initial=0)
    if largest > most:
        shown = np.format_float_scientific(largest, precision=1, trim="-")
        wider = "" if dtype == np.float64 else ', or compute in "dtype": "float64"'
        raise DataError(
            f"{name} must be from {-most:.2g} to {most:.2g}, which {dtype} holds, got numbers up "
            f"to {shown}; scale them{wider}"
        )


def _check_apart(x: Array, converted: Array, name: str) -> None:
    """Refuse whole numbers of which the type makes the same number, as data sets do.

    Those of one column, along the last axis, are compared.
    """
    exact = EXACT[converted.dtype.itemsize]
    least, most = np.fmin.reduce(converted, axis=None), np.fmax.reduce(converted, axis=None)
    if -exact < least and most < exact:
        return
    columns = x.reshape(-1, x.shape[-1]) if x.ndim > 1 else x.reshape(-1, 1)
    for i, column in enumerate(columns.T):
        if collapsed := collapsed_by(converted.dtype, column):
            one, other = collapsed
            where = place_of_column(x, i)
            wider = ', or compute in "dtype": "float64"' if exact < EXACT[8] else ""
            raise DataError(
                f"{name} have the numbers {one} and {other}{where}, which {converted.dtype} makes "
                f"the same: it holds whole numbers up to {exact:,}; drop them if they name "
                f"examples, subtract their least number or scale them{wider}"
            )


def collapsed_by(dtype: np.dtype[Any], column: Array) -> tuple[int, int] | None:
    """Return two whole numbers of a column of which a type makes the same number, if there are any.

    Of numbers with a fraction the last digits are a matter of precision; of whole ones, such as an
    id or a time in seconds, they are what tells one from another.

    Args:
        dtype: The type.
        column: The numbers, of any shape.
    """
    # Fractions show most often without a look at the whole column.
    if _has_fractions(column[:BLOCK]):
        return None
    numbers = np.unique(column)
    if _has_fractions(numbers):
        return None
    same = np.flatnonzero(np.diff(numbers.astype(dtype)) == 0)
    return (int(numbers[same[0]]), int(numbers[same[0] + 1])) if same.size else None


def _has_fractions(numbers: Array) -> bool:
    return bool((numbers != np.rint(numbers)).any())


def place_of_column(x: Array, i: int) -> str:
    """Return in words which column is meant, where there are several."""
    return f" in column {i}" if x.ndim > 1 and x.shape[-1] > 1 else ""
