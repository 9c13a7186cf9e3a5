"""Mathematics that several components share."""

import numpy as np

from layerkit import Array


def sigmoid(x: Array, out: Array | None = None) -> Array:
    """Return ``1 / (1 + exp(-x))``, for any ``x`` without overflow.

    Args:
        x: Of any shape.
        out: Where to write; a new array unless given.
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
        out: Where to write; a new array unless given.
    """
    y: Array = np.subtract(x, x.max(axis=-1, keepdims=True), out=out)
    np.exp(y, out=y)
    y /= y.sum(axis=-1, keepdims=True)
    return y


# Coefficients of the highest power first; the second of each pair begins with 1.
_NEAR = (
    (9.60497373987051638749, 9.00260197203842689217e1, 2.23200534594684319226e3,
     7.00332514112805075473e3, 5.55923013010394962768e4),
    (1.0, 3.35617141647503099647e1, 5.21357949780152679795e2, 4.59432382970980127987e3,
     2.26290000613890934246e4, 4.92673942608635921086e4),
)  # fmt: skip
_FAR = (
    (2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687,
     4.86371970985681366614e1, 1.96520832956077098242e2, 5.26445194995477358631e2,
     9.34528527171957607540e2, 1.02755188689515710272e3, 5.57535335369399327526e2),
    (1.0, 1.32281951154744992508e1, 8.67072140885989742329e1, 3.54937778887819891062e2,
     9.75708501743205489753e2, 1.82390916687909736289e3, 2.24633760818710981792e3,
     1.65666309194161350182e3, 5.57535340817727675546e2),
)  # fmt: skip


def erf(x: Array) -> Array:
    """Return the error function, ``2 / sqrt(pi)`` times the integral of ``exp(-t^2)`` to ``x``.

    The error is below 3e-16 in float64. NumPy has no ``erf``, and SciPy would be a dependency of
    many megabytes for this one function.

    Args:
        x: Of any shape.

    Source:
        Moshier, Cephes Mathematical Library, ``ndtr.c``: rational approximations of ``erf(x) / x``
        in ``x^2`` for ``|x| < 1``, and of ``exp(x^2) erfc(x)`` from there on.
    """
    size = np.minimum(np.abs(x), 6)  # from 6 on it is 1 to the last digit
    square = size * size
    near = size * (np.polyval(_NEAR[0], square) / np.polyval(_NEAR[1], square))
    far = 1 - np.exp(-square) * (np.polyval(_FAR[0], size) / np.polyval(_FAR[1], size))
    y: Array = np.copysign(np.where(size < 1, near, far), x)
    return y.astype(x.dtype, copy=False)
