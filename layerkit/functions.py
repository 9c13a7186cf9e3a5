"""Functions that layers and losses share, and that plugins may use."""

import numpy as np

from layerkit.types import Array


def sigmoid(x: Array, out: Array | None = None) -> Array:
    """Return ``1 / (1 + exp(-x))``, for any ``x`` without overflow.

    Args:
        x: Of any shape.
        out: The array to write to; by default a new one.
    """
    y: Array = np.negative(x, out=out)
    # Where exp(-x) overflows to infinity, 1 / (1 + exp(-x)) is the 0 it should be.
    with np.errstate(over="ignore"):
        np.exp(y, out=y)
    y += 1
    return np.reciprocal(y, out=y)


def softmax(x: Array, out: Array | None = None) -> Array:
    """Return ``exp(x) / sum(exp(x))`` over the last axis, for any ``x`` without overflow.

    Args:
        x: ``(..., classes)``
        out: The array to write to; by default a new one.
    """
    y: Array = np.subtract(x, x.max(axis=-1, keepdims=True), out=out)
    np.exp(y, out=y)
    y /= y.sum(axis=-1, keepdims=True)
    return y
