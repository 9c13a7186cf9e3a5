"""Numbers from Python, in the type that a network computes in, or refused in words."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from layerkit.errors import DataError
from layerkit.types import Array

EXACT = {4: 2**24, 8: 2**53}
"""The number up to which a float of 4 or 8 bytes holds all whole numbers."""

BLOCK = 2**20
"""How many numbers are checked at a time: a few megabytes, which fit in the caches."""


def checked_numbers(x: Any, dtype: np.dtype[Any] | None = None, name: str = "examples") -> Array:
    """Return numbers as an array.

    Args:
        x: Integers, booleans or floats, in an array or in nested lists.
        dtype: The type to convert them to; their own by default.
        name: Their name in the message.

    Raises:
        DataError: They are anything else, such as complex numbers, text, dates, a masked array or
            lists of different lengths. Or a number becomes infinite in the type, or different
            whole numbers of one column become equal in it.
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
    """Return float32 and float64 unchanged, and other numbers converted to a type.

    Without the conversion, bytes would wrap around and sums of float16 would soon be infinite.

    Args:
        x: Integers, booleans or floats, in an array or in nested lists.
        dtype: The type to convert them to.
        name: Their name in the message.

    Raises:
        DataError: They are anything else, or the type cannot hold them.
    """
    array = checked_numbers(x, name=name)
    return array if array.dtype.char in "fd" else _converted(array, np.dtype(dtype), name)


def checked_examples(x: Any, dtype: np.dtype[Any]) -> Array:
    """Return examples in the type of a network.

    Raises:
        DataError: They are not numbers that the type can hold; see ``check_examples``.
    """
    array = checked_numbers(x)
    converted, is_suspect = _cast(array, dtype, len(array) if array.ndim else 1)
    if is_suspect:
        check_examples(array, dtype)
    return converted


def examples_in_parts(x: Array, dtype: np.dtype[Any], rows: int) -> Iterator[Array]:
    """Yield examples in the type of a network, some at a time, and judge all of them together.

    Args:
        x: The examples.
        dtype: The type.
        rows: The most examples of a part.

    Raises:
        DataError: They are not numbers that the type can hold; see ``check_examples``.
    """
    is_checked = False
    for start in range(0, len(x), rows):
        converted, is_suspect = _cast(x[start : start + rows], dtype, len(x))
        if is_suspect and not is_checked:
            check_examples(x, dtype)
            is_checked = True
        yield converted


def check_examples(x: Array, dtype: np.dtype[Any], name: str = "examples") -> None:
    """Refuse examples that a type turns into infinity, 0 or one another.

    A column vanishes if its largest number becomes 0. One example alone does not show how large
    the numbers of a column are, so it vanishes only as a whole.

    Args:
        x: The examples. They are read once, block by block.
        dtype: The type.
        name: Their name in the message.

    Raises:
        DataError: There are such examples; the message says which and what to do.
    """
    if x.size and not _is_exact(x.dtype, dtype):
        sizes = _largest_of_columns(x)
        _check_sizes(x, sizes, dtype, name)
        ways = ("drop them if they name examples", "subtract their least number", "scale them")
        _check_apart(x, sizes, dtype, name, ways)


def check_targets(t: Array, dtype: np.dtype[Any], name: str = "targets") -> None:
    """Refuse targets that a type turns into infinity or 0; integers, such as labels, are kept.

    Args:
        t: The targets. They are read once, block by block.
        dtype: The type.
        name: Their name in the message.

    Raises:
        DataError: There are such targets; the message says which and what to do.
    """
    if t.size and t.dtype.kind == "f" and not _is_exact(t.dtype, dtype):
        _check_sizes(t, _largest_of_columns(t), dtype, name)


def _converted(x: Array, dtype: np.dtype[Any], name: str) -> Array:
    """Return numbers in another type, or refuse those that it cannot hold."""
    converted, is_suspect = _cast(x, dtype, len(x) if x.ndim else 1)
    if is_suspect:
        sizes = _largest_of_columns(x)
        check_range(sizes, dtype, name)
        _check_apart(x, sizes, dtype, name, ("scale them",))
    return converted


def _is_exact(given: np.dtype[Any], dtype: np.dtype[Any]) -> bool:
    """Return whether a float of 4 or 8 bytes holds every number of another type."""
    # 16-bit numbers and floats of the same width or less convert without loss.
    return given.itemsize <= 2 or (given.kind == "f" and given.itemsize <= dtype.itemsize)


def _cast(x: Array, dtype: np.dtype[Any], count: int) -> tuple[Array, bool]:
    """Return numbers in another type, and whether it may have made some infinite, 0 or equal.

    Args:
        x: The numbers.
        dtype: The type.
        count: How many examples there are, of which these may be a part.
    """
    if _is_exact(x.dtype, dtype):
        return np.asarray(x, dtype), False
    try:
        # Raising on overflow and underflow costs less than a search for such numbers.
        converted: Array = _as_held(x, dtype) if x.dtype.kind == "f" else np.asarray(x, dtype)
    except FloatingPointError:
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(x, dtype), True
    if x.size == 0 or count < 2:
        return converted, False
    exact = EXACT[dtype.itemsize]
    least, most = np.fmin.reduce(converted, axis=None), np.fmax.reduce(converted, axis=None)
    return converted, not (-exact < least and most < exact)


@np.errstate(over="raise", under="raise")
def _as_held(x: Array, dtype: np.dtype[Any]) -> Array:
    """Return numbers in another type, or raise on overflow and underflow."""
    return np.asarray(x, dtype)


def _largest_of_columns(array: Array) -> Array:
    """Return the largest finite absolute value in each column, reading the array once.

    Args:
        array: Numbers, ``(count, ..., columns)``, or ``(count,)`` as one column.
    """
    array = array.reshape(-1, 1) if array.ndim < 2 else array
    sizes = np.zeros(array.shape[-1], np.result_type(array.dtype, np.float64))
    if not array.size:
        return sizes
    axes = tuple(range(array.ndim - 1))
    rows = max(1, BLOCK * len(array) // array.size)
    for start in range(0, len(array), rows):
        block = array[start : start + rows]
        ends = [block.min(axis=axes), block.max(axis=axes)]
        if not np.isfinite(ends).all():  # NaN or infinity hides the other numbers
            finite = np.isfinite(block)
            ends = [end(block, axis=axes, where=finite, initial=0) for end in (np.min, np.max)]
        # The absolute value is taken of floats: the least integer of a type has none in it.
        for end in ends:
            np.maximum(sizes, np.abs(end.astype(sizes.dtype)), out=sizes)
    return sizes


def check_range(x: Array, dtype: np.dtype[Any], name: str) -> None:
    """Refuse finite numbers that become infinite in a type.

    Args:
        x: The numbers.
        dtype: The type.
        name: Their name in the message.

    Raises:
        DataError: There is one; the message says how large they are and what to do.
    """
    most = np.finfo(dtype).max
    largest = np.abs(x[np.isfinite(x)]).max(initial=0)
    if largest > most:
        raise DataError(
            f"{name} must be from {-most:.2g} to {most:.2g}, which {dtype} holds, got numbers up "
            f"to {_short(largest)}; {_advice(dtype, 'scale them')}"
        )


def _check_sizes(x: Array, sizes: Array, dtype: np.dtype[Any], name: str) -> None:
    """Refuse numbers that a type turns into infinity, and columns that it turns into 0.

    Args:
        x: The numbers.
        sizes: The largest absolute value in each column.
        dtype: The type.
        name: Their name in the message.
    """
    check_range(sizes, dtype, name)
    is_alone = x.ndim == 0 or len(x) == 1
    sizes = sizes.max(keepdims=True) if is_alone else sizes
    with np.errstate(under="ignore"):
        vanishes = (sizes > 0) & (sizes.astype(dtype) == 0)
    if vanishes.any():
        i = int(vanishes.argmax())
        where = "" if is_alone else _place_of_column(x, i)
        advice = _advice(dtype, "scale them", "set them to 0 if they count for nothing")
        raise DataError(
            f"{name} have numbers of at most {_short(sizes[i])}{where}, which {dtype} makes 0; "
            f"{advice}"
        )


def _check_apart(
    x: Array, sizes: Array, dtype: np.dtype[Any], name: str, ways: tuple[str, ...]
) -> None:
    """Refuse different whole numbers that become equal in a type.

    Only numbers of the same column, along the last axis, are compared.

    Args:
        x: The numbers.
        sizes: The largest absolute value in each column.
        dtype: The type.
        name: Their name in the message.
        ways: What a user can do about them.
    """
    exact = EXACT[dtype.itemsize]
    # The sizes are rounded, so the first number that the type does not hold may have become exact.
    for i in map(int, np.flatnonzero(sizes >= exact)):
        if collapsed := _collapsed_by(dtype, x[..., i] if x.ndim > 1 else x.reshape(-1)):
            one, other = collapsed
            raise DataError(
                f"{name} must not have both {one} and {other}{_place_of_column(x, i)}, which "
                f"{dtype} makes the same: it holds whole numbers up to {exact:,}; "
                f"{_advice(dtype, *ways)}"
            )


def _collapsed_by(dtype: np.dtype[Any], column: Array) -> tuple[int, int] | None:
    """Return two different whole numbers of a column that become equal in a type, if there are any.

    The last digits of numbers with a fraction are a matter of precision. Those of whole numbers,
    such as ids or times in seconds, distinguish one from another.

    Args:
        dtype: The type.
        column: The numbers, of any shape.
    """
    # The first block usually suffices to find a fraction.
    if _has_fractions(column[:BLOCK]):
        return None
    numbers = np.unique(column)
    if _has_fractions(numbers):
        return None
    same = np.flatnonzero(np.diff(numbers.astype(dtype)) == 0)
    return (int(numbers[same[0]]), int(numbers[same[0] + 1])) if same.size else None


def _has_fractions(numbers: Array) -> bool:
    return bool((numbers != np.rint(numbers)).any())


def _place_of_column(x: Array, i: int) -> str:
    """Return the column in words, if there are several; otherwise nothing."""
    return f" in column {i}" if x.ndim > 1 and x.shape[-1] > 1 else ""


def _short(size: Any) -> str:
    """Return a number with two digits, even if it is too large or too small for a float."""
    return np.format_float_scientific(size, precision=1, trim="-")


def _advice(dtype: np.dtype[Any], *ways: str) -> str:
    """Return what a user can do about numbers that a type cannot hold, with a wider type if any."""
    wider = [] if dtype == np.float64 else ['compute in "dtype": "float64"']
    *others, last = [*ways, *wider]
    return f"{', '.join(others)}, or {last}" if others else last
