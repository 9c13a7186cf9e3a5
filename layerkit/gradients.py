"""Derivatives by central differences: the independent test of every ``backward``."""

import math
from collections.abc import Callable, Iterable
from inspect import signature
from numbers import Real
from operator import index
from typing import Any

import numpy as np

from layerkit.arguments import shown
from layerkit.errors import OptionError
from layerkit.types import Array

STEP = 1e-5
"""The step. The error of a central difference is about ``h^2 f'''/6 + eps f/h``; in float64 it is
smallest near the cube root of ``eps``, 6e-6."""


def numerical_gradient(
    f: Callable[[], float], x: Array, *, step: float = STEP, at: Iterable[int] | None = None
) -> Array:
    """Return the derivative of a number with respect to each element of an array.

    ``df/dx_i = (f(x + h e_i) - f(x - h e_i)) / 2h``

    Args:
        f: Computes the number from the present contents of ``x``.
        x: A float64 array; it is changed while ``f`` is called, and restored.
        step: The step ``h``; for elements larger than 1 it is multiplied by their size.
        at: The flat indices of the elements; all by default.

    Returns:
        An array of the shape of ``x``; with ``at``, a vector of one number for each index.

    Raises:
        OptionError: ``f`` takes arguments or does not return a number, ``x`` has another type or is
            not contiguous, ``step`` is not above 0, or ``at`` has invalid indices.
    """
    left, right = slopes(f, x, step=step, at=at)
    gradient = (left + right) / 2
    return gradient.reshape(x.shape) if at is None else gradient


def slopes(
    f: Callable[[], float], x: Array, *, step: float = STEP, at: Iterable[int] | None = None
) -> tuple[Array, Array]:
    """Return the slopes of a number to the left and to the right of each element of an array.

    If the number is smooth, they differ by ``h f''``. If it has a kink within the step, such as
    that of a relu, they differ by the change of slope there.

    Args:
        f: Computes the number from the present contents of ``x``.
        x: A float64 array; it is changed while ``f`` is called, and restored.
        step: The step ``h``; for elements larger than 1 it is multiplied by their size.
        at: The flat indices of the elements; all by default.

    Returns:
        Two vectors of one number for each index.

    Raises:
        OptionError: ``f`` takes arguments or does not return a number, ``x`` has another type or is
            not contiguous, ``step`` is not above 0, or ``at`` has invalid indices.
    """
    flat = flat_view(x)
    indices = range(flat.size) if at is None else _indices(at, flat.size)
    left, right = np.empty(len(indices)), np.empty(len(indices))
    if not isinstance(step, Real) or not 0 < step < math.inf:
        raise OptionError(f"step must be a number above 0, got {shown(step)}")
    _check_takes_nothing(f)
    here = _number(f())
    for k, i in enumerate(indices):
        before = flat[i]
        h = step * max(1.0, abs(before))
        try:
            # Divide by the actual difference, which for a large number is not quite the step.
            flat[i] = before + h
            right[k] = (_number(f()) - here) / (flat[i] - before)
            flat[i] = before - h
            left[k] = (here - _number(f())) / (before - flat[i])
        finally:  # restore the number even after an interruption
            flat[i] = before
    return left, right


def _check_takes_nothing(f: Any) -> None:
    if not callable(f):
        raise OptionError(f"f must be a function that returns a number, got {shown(f)}")
    try:
        parameters = signature(f)
    except ValueError:  # of a function in C that does not tell
        return
    try:
        parameters.bind()
    except TypeError:
        raise OptionError(
            "f must be a function without arguments, because it computes from the present contents "
            f"of x, got one that takes {parameters}; use lambda: f(x)"
        ) from None


def _number(value: Any) -> float:
    """Return what ``f`` returned as a float."""
    if isinstance(value, Real) or (
        getattr(value, "shape", None) == () and value.dtype.kind in "fiu"
    ):
        return float(value)
    raise OptionError(f"f must return one number, got {shown(value)}; sum an array: float(y.sum())")


def flat_view(x: Array) -> Array:
    """Return an array as a vector that shares its memory."""
    if not isinstance(x, np.ndarray):
        raise OptionError(f"x must be a float64 array, which is changed in place, got {shown(x)}")
    if x.dtype != np.float64:
        raise OptionError(f'x must be float64, got {x.dtype}: use a network with dtype="float64"')
    if not x.flags.c_contiguous:
        raise OptionError("x must be contiguous: a copy would be changed instead")
    return x.reshape(-1)


def _indices(at: Iterable[int], size: int) -> list[int]:
    """Return flat indices into a vector of that size."""
    try:
        indices = list(map(index, at))
    except TypeError:
        indices = [-1]
    if not all(0 <= i < size for i in indices):
        raise OptionError(f"at must be flat indices from 0 to {size - 1}, got {shown(at)}")
    return indices
