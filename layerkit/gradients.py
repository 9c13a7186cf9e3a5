"""Derivatives by central differences: the independent witness of every ``backward``."""

from collections.abc import Callable, Iterable

import numpy as np

from layerkit.types import Array

STEP = 1e-5
"""The step. The error of a central difference is about ``h^2 f'''/6 + eps f/h``; in float64 it is
least near the cube root of ``eps``, 6e-6."""


def numerical_gradient(
    f: Callable[[], float], x: Array, *, step: float = STEP, at: Iterable[int] | None = None
) -> Array:
    """Return the derivative of a number by each element of an array.

    ``df/dx_i = (f(x + h e_i) - f(x - h e_i)) / 2h``

    Args:
        f: Computes the number from the present contents of ``x``.
        x: A float64 array; it is changed while ``f`` is called, and restored.
        step: The step ``h``.
        at: The flat indices to differentiate by; all of them unless given.

    Returns:
        An array of the shape of ``x``; with ``at``, a vector of one number for each index.
    """
    flat = x.reshape(-1)
    if not np.shares_memory(flat, x):
        raise ValueError("x must be contiguous: a copy would be changed in its place")
    indices = range(flat.size) if at is None else list(at)
    gradient = np.empty(len(indices))
    for k, i in enumerate(indices):
        before = flat[i]
        flat[i] = before + step
        above = f()
        flat[i] = before - step
        below = f()
        flat[i] = before
        gradient[k] = (above - below) / (2 * step)
    return gradient.reshape(x.shape) if at is None else gradient
