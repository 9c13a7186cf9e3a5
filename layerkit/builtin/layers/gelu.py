"""The Gaussian error linear unit."""

import math
from typing import Literal

import numpy as np

from layerkit import Array, Example, Layer, Shape, sigmoid
from layerkit.builtin.functions import gaussian, normal_cdf

TAIL = 64.0
"""The size of ``x`` beyond which the output is exactly 0 or ``x``, even in float64."""


class Gelu(Layer):
    """Gaussian error linear unit, ``y = x P(N <= x)`` for a standard normal number ``N``.

    Args:
        approximate: ``"none"`` computes ``P`` with the error function; ``"tanh"`` uses
            ``(1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2`` instead, which is faster.

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
        if self.approximate == "none":
            self._density = gaussian(x)
            self._p = normal_cdf(x, self._density)
        else:
            # (1 + tanh u) / 2 = sigmoid(2 u), which stays accurate where tanh u is close to -1.
            near = self._near = np.clip(x, -TAIL, TAIL)
            u = 0.044715 * near * near
            u += 1
            u *= near
            u *= 2 * math.sqrt(2 / math.pi)
            self._p = sigmoid(u, out=u)
        return np.multiply(x, self._p, out=self.scratch("y", x.shape))

    def backward(self, dout: Array) -> Array:
        """Return ``dout (P + x P')``."""
        p = self._p
        if self.approximate == "none":
            slope = np.multiply(self._x, self._density)
            slope *= 1 / math.sqrt(2 * math.pi)
        else:
            # P = sigmoid(2 u), so P' = 2 P (1 - P) u'.
            x = self._near
            slope = 3 * 0.044715 * x * x
            slope += 1
            slope *= x
            slope *= 2 * math.sqrt(2 / math.pi)
            slope *= p
            slope *= 1 - p
        slope += p
        return np.multiply(dout, slope, out=self.scratch("dx", dout.shape))
