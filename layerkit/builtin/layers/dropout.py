"""Dropout."""

import math

import numpy as np

from layerkit import Array, Example, Fraction, Layer, Shape


class Dropout(Layer):
    """Sets inputs to 0 at random in training, ``y = x mask / (1 - rate)``; else ``y = x``.

    The division keeps the expected output at ``x``, so evaluation needs no scaling.

    Args:
        rate: The probability that an input is dropped.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``

    Source:
        Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), "Dropout: A Simple Way
        to Prevent Neural Networks from Overfitting", in the inverted form.
    """

    examples = (Example({"rate": 0.4}, [(6,)]), Example({"rate": 0}, [(2, 3)]))
    differs_in_training = True
    gives_views = True
    meaning = "same"

    def __init__(self, rate: Fraction = 0.5) -> None:
        self.rate = rate

    def build(self, shape: Shape) -> Shape:
        """Return the shape of the input."""
        self.scratch_size = math.prod(shape)  # the mask
        return shape

    def forward(self, x: Array) -> Array:
        """Return ``x`` with some elements dropped, or ``x`` itself in evaluation."""
        self._dropped = self.training and self.rate > 0
        if not self._dropped:
            return x
        # The generator fills only floats of 4 or 8 bytes in place; either serves for a threshold.
        mask = self._mask = self.scratch("mask", x.shape)
        self.rng.random(out=mask, dtype=mask.dtype)
        np.greater_equal(mask, self.rate, out=mask)
        mask *= 1 / (1 - self.rate)
        return np.multiply(x, mask, out=self.scratch("y", x.shape))

    def backward(self, dout: Array) -> Array:
        """Return ``dout`` where the input was kept, with the same scaling."""
        if not self._dropped:
            return dout
        return np.multiply(dout, self._mask, out=self.scratch("dx", dout.shape))
