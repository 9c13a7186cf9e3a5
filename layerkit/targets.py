"""The requirements on targets as arrays: one set of checks for losses, metrics and plugins."""

from typing import Any

import numpy as np

from layerkit.arrays import DType
from layerkit.conversion import checked_floats, checked_numbers
from layerkit.errors import DataError, ShapeError
from layerkit.types import Array, Shape

ROUNDING = 1e-6
"""How far a probability may lie outside 0 to 1: a mean in float32 can be 1.0000001."""

ROUNDING_OF_A_SUM = 1e-3
"""How far the sum of an example's probabilities may be from 1. For 1,000 classes in float16, or for
three digits each in a text file, the difference is about that large."""


def as_batch(owner: object, dtype: DType, y: Any, t: Any) -> tuple[Array, Array]:
    """Return outputs and targets as arrays of numbers.

    Outputs that are neither float32 nor float64 are converted. So are targets that are other
    floats. Integers may be labels and are not converted.

    Args:
        owner: The loss or the metric that takes them.
        dtype: The type to convert them to.
        y: The outputs, an array or nested lists.
        t: The targets, likewise.

    Raises:
        DataError: They are not integers, booleans or floats, or the type cannot hold them.
        ShapeError: The outputs have no batch axis.
    """
    name = type(owner).__name__
    y = checked_floats(y, dtype, f"{name}: outputs")
    t = checked_numbers(t, name=f"{name}: targets")
    if t.dtype.kind == "f":
        t = checked_floats(t, dtype, f"{name}: targets")
    if not y.ndim:
        raise ShapeError(f"{name} takes outputs of shape (batch, ...), got ()")
    return y, t


def as_outputs(t: Array, shape: Shape) -> Array:
    """Return targets in the shape of the outputs, for elementwise comparison.

    For a single output, targets may omit its axis of 1. If an example has no axes, targets may be
    a column.

    Args:
        t: The targets.
        shape: The shape of the outputs, batch axis included.

    Raises:
        ShapeError: The targets have another shape.
    """
    if t.shape == shape:
        return t
    if (*t.shape, 1) == shape or (len(shape) == 1 and t.shape == (*shape, 1)):
        return t.reshape(shape)
    raise ShapeError(
        f"targets must have the shape of the outputs, {shape}, got {t.shape}",
        "bring their axes into that order" if sorted(t.shape) == sorted(shape) else "",
    )


def as_labels(t: Array, shape: Shape) -> Array:
    """Return labels of classes, after checking their shape, their type and their range.

    Args:
        t: The labels.
        shape: The shape of the outputs, ``(batch, *positions, classes)``.

    Raises:
        ShapeError: There is not one label at each position.
        DataError: The labels are not integers, or are out of range.
    """
    if t.shape != shape[:-1]:
        raise ShapeError(
            f"targets must be labels of shape {shape[:-1]}, or probabilities of the shape of the "
            f"outputs, {shape}, got {t.shape}",
            _advice_on_axes(t.shape, shape),
        )
    if t.dtype.kind not in "iub":
        raise DataError(_no_integers(t))
    check_range_of_labels(t, shape[-1])
    return t


def check_range_of_labels(t: Array, classes: int) -> None:
    """Refuse labels that are out of range.

    Raises:
        DataError: A label is not from 0 to the number of classes minus 1.
    """
    if t.size and not 0 <= np.minimum.reduce(t, None) <= np.maximum.reduce(t, None) < classes:
        raise DataError(f"labels must be from 0 to {classes - 1}, got {t.min()} to {t.max()}")


def _advice_on_axes(got: Shape, outputs: Shape) -> str:
    if got == (*outputs[:-1], 1):
        return "drop the last axis of 1: t[..., 0]"
    if sorted(got) in (sorted(outputs), sorted(outputs[:-1])):
        return "bring their axes into that order"
    return ""


def _no_integers(t: Array) -> str:
    if t.dtype.kind != "f":
        return f"labels are integers, got {t.dtype}"
    fractions = t != np.rint(t)
    if fractions.any():
        return (
            f"labels are integers, got {t[fractions][0]} at {_first(fractions)}; "
            "if they differ only by rounding, use np.rint(t).astype(int)"
        )
    return f"labels are integers, got {t.dtype}; use t.astype(int)"


def check_finite(t: Array) -> None:
    """Refuse targets that are not numbers, or not finite.

    Raises:
        DataError: There is one; the message shows it and its place.
    """
    if t.dtype.kind not in "biuf":
        raise DataError(f"targets must be numbers, got {t.dtype}")
    # Minimum and maximum need no memory, and both are NaN if any number is.
    if t.dtype.kind == "f" and t.size and not np.isfinite([t.min(), t.max()]).all():
        wrong = ~np.isfinite(t)
        raise DataError(f"targets must be finite, got {t[wrong][0]} at {_first(wrong)}")


def check_probabilities(t: Array) -> None:
    """Refuse targets that are not probabilities: their cross-entropy would have no minimum.

    Raises:
        DataError: A target is not from 0 to 1; the message says what to do.
    """
    if not t.size:
        return
    least, most = np.minimum.reduce(t, None), np.maximum.reduce(t, None)
    if not -ROUNDING <= least <= most <= 1 + ROUNDING:  # true for NaN too
        check_finite(t)
        raise DataError(
            f"targets must be probabilities, from 0 to 1, got {t.min():g} to {t.max():g}; "
            f"{_advice_on_range(t)}"
        )


def check_distributions(t: Array) -> None:
    """Refuse targets that are not probabilities of classes, which add up to 1.

    Args:
        t: ``(..., classes)``, one-hot or probabilities.

    Raises:
        DataError: They are not; the message says what to do.
    """
    check_probabilities(t)
    sums = np.add.reduce(t, axis=-1, dtype=np.float64)
    wrong = np.abs(sums - 1) > ROUNDING_OF_A_SUM
    if wrong.any():
        raise DataError(
            f"the probabilities of an example must add up to 1, got {sums[wrong][0]:g} at "
            f"{_first(wrong)}; divide each by the sum, or use a loss of numbers"
        )


def _advice_on_range(t: Array) -> str:
    """Return advice on mapping the numbers to 0 to 1, if they are two values or bytes."""
    values = np.unique(t)
    least, most = values[0].item(), values[-1].item()
    if len(values) == 2 or (t.dtype.kind == "u" and least == 0):
        moved = f"t {'-' if least > 0 else '+'} {abs(least):g}" if least else "t"
        if most - least == 1:
            return f"{moved} maps them there"
        return f"{f'({moved})' if least else moved} / {most - least:g} maps them there"
    return 'for other numbers there is "mean_squared_error"'


def as_weights(weights: Any, count: int, name: str) -> Array:
    """Return weights of examples in float64.

    Args:
        weights: One number for each example.
        count: The number of examples.
        name: Who takes them; the message begins with it.

    Raises:
        DataError: They are not numbers, or one is negative or not finite.
        ShapeError: There is not one for each example.
    """
    array = checked_numbers(weights, name=f"{name}: weights").astype(np.float64)
    if array.shape != (count,):
        raise ShapeError(f"{name} takes one weight for each of {count} examples, got {array.shape}")
    wrong = ~((array >= 0) & (array < np.inf))  # true for NaN too
    if wrong.any():
        raise DataError(
            f"{name}: weights must be finite and at least 0, got {array[wrong][0]:g} at "
            f"{_first(wrong)}"
        )
    return array


def _first(wrong: Array) -> list[int]:
    """Return the indices of the first wrong element."""
    return [int(i) for i in np.unravel_index(int(wrong.argmax()), wrong.shape)]
