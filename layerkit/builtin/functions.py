"""Mathematics that several components share."""

import math

import numpy as np

from layerkit import Array

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


_FARTHEST = (
    (5.64189583547755073984e-1, 1.27536670759978104416, 5.01905042251180477414,
     6.16021097993053585195, 7.40974269950448939160, 2.97886665372100240670),
    (1.0, 2.26052863220117276590, 9.39603524938001434673, 1.20489539808096656605e1,
     1.70814450747565897222e1, 9.60896809063285878198, 3.36907645100081516050),
)  # fmt: skip


def gaussian(x: Array) -> Array:
    """Return ``exp(-x^2 / 2)``, accurate to a few units in the last digit even in the far tail.

    Args:
        x: Of any shape.
    """
    # The exponential would turn the rounding of x^2 / 2 into a large relative error. The square of
    # a multiple h of 1/16 is exact, and x^2 = h^2 + (x - h) (x + h). Beyond 64 the result is 0.
    x = np.clip(x, -64, 64)
    h = np.multiply(x, 16)
    np.rint(h, out=h)
    h *= 1 / 16
    rest = x - h
    rest *= x + h
    rest *= -0.5
    np.exp(rest, out=rest)
    h *= h
    h *= -0.5
    y: Array = np.exp(h, out=h)
    y *= rest
    return y


def normal_cdf(x: Array, density: Array) -> Array:
    """Return ``P(N <= x)`` for a standard normal number, accurate to a few units in the last digit.

    It is accurate in the negative tail too, where ``(1 + erf(x / sqrt(2))) / 2`` loses all digits.

    Args:
        x: Of any shape.
        density: ``gaussian(x)``.

    Source:
        Moshier, Cephes Mathematical Library, ``ndtr.c``.
    """
    # With z = |x| / sqrt(2): erfc(z) = exp(-z^2) R(z), and exp(-z^2) is the density.
    z = np.abs(x)
    z *= math.sqrt(0.5)
    tail = _ratio(_FAR, np.minimum(z, 8))
    if np.max(z, initial=0) > 8:
        np.copyto(tail, _ratio(_FARTHEST, np.minimum(z, 64)), where=z > 8)
    tail *= density
    tail *= 0.5
    near = np.minimum(z, 1)
    near *= _ratio(_NEAR, near * near)
    near *= -0.5
    near += 0.5
    np.copyto(tail, near, where=z < 1)
    y: Array = np.where(x < 0, tail, 1 - tail)
    return y


def erf(x: Array) -> Array:
    """Return the error function, ``2 / sqrt(pi)`` times the integral of ``exp(-t^2)`` to ``x``.

    The error is below 3e-16 in float64. NumPy has no ``erf``, and SciPy is too large a dependency
    for this one function.

    Args:
        x: Of any shape.

    Source:
        Moshier, Cephes Mathematical Library, ``ndtr.c``: rational approximations of ``erf(x) / x``
        in ``x^2`` for ``|x| < 1``, and of ``exp(x^2) erfc(x)`` for larger ``|x|``.
    """
    size = np.minimum(np.abs(x), 6)  # from 6 on it is 1 to the last digit
    square = size * size
    near = size * _ratio(_NEAR, square)
    far = 1 - np.exp(-square) * _ratio(_FAR, size)
    y: Array = np.copysign(np.where(size < 1, near, far), x)
    return y.astype(x.dtype, copy=False)


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: Array) -> Array:
    """Return the ratio of two polynomials."""
    above, below = (_polynomial(one, x) for one in coefficients)
    above /= below
    return above


def _polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    """Return a polynomial by Horner's scheme, in one new array."""
    y = np.multiply(x, coefficients[0])
    for coefficient in coefficients[1:-1]:
        y += coefficient
        y *= x
    y += coefficients[-1]
    return y
