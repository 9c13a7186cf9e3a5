"""The Gaussian error linear unit."""

import math
from typing import Literal

import numpy as np

from layerkit import Array, Example, Layer, Shape
from layerkit.builtin.functions import erf


class Gelu(Layer):
    """Gaussian error linear unit, ``y = x P(N <= x)`` for a standard normal number ``N``.

    Args:
        approximate: ``"none"`` computes ``P`` by the error function; ``"tanh"`` takes
            ``(1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2`` for it, which is faster.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``

    Source:
        Hendrycks and Gimpel (2016), "Gaussian Error Linear Units (GELUs)", section 2.
    """

    examples = (Example(shapes=[(5,)]), Example({"approximate": "tanh"}, [(2, 3)]))

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        self.approximate = approximate

    def build(self, shape: Shape) -> Shape:
        """Return the shape of the input."""
        self.scratch_size = 6 * math.prod(shape)  # the error function works with doubles
        return shape

    def forward(self, x: Array) -> Array:
        """Return ``x P(N <= x)``."""
        self._x = x
        p = self._p = self.scratch("p", x.shape)
        if self.approximate == "none":
            p[...] = erf(x * math.sqrt(0.5))
        else:
            np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3), out=p)
        p += 1
        p *= 0.5
        return np.multiply(x, p, out=self.scratch("y", x.shape))

    def backward(self, dout: Array) -> Array:
        """Return ``dout (P + x P')``."""
        x, p = self._x, self._p
        if self.approximate == "none":
            slope = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
        else:
            # P = (1 + tanh u) / 2, so P' = (1 - tanh^2 u) u' / 2 = 2 P (1 - P) u'
            slope = 2 * p * (1 - p) * (math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x))
        slope *= x
        slope += p
        return np.multiply(dout, slope, out=self.scratch("dx", dout.shape))
