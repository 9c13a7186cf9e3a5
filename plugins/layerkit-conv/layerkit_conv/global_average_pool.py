"""The mean over all positions."""

import math

import numpy as np

from layerkit import Array, Example, Layer, Shape, ShapeError


class GlobalAveragePool(Layer):
    """The mean over all positions of each channel, ``y[c] = mean(x[c])``.

    Shapes:
        x: ``(batch, channels, *positions)``
        y: ``(batch, channels)``

    Source:
        Lin, Chen and Yan (2014), "Network In Network", section 3.2.
    """

    meaning = "same"
    examples = (Example(shapes=[(3, 4, 5)]), Example(shapes=[(2, 7)]))

    def build(self, shape: Shape) -> Shape:
        """Return the channels."""
        if len(shape) < 2 or 0 in shape:
            raise ShapeError("takes channels and at least one axis of positions")
        return shape[:1]

    def forward(self, x: Array) -> Array:
        """Return the mean of each channel."""
        self._shape = x.shape
        flat = x.reshape(*x.shape[:2], math.prod(x.shape[2:]))
        return np.mean(flat, axis=2, out=self.scratch("y", x.shape[:2]))

    def backward(self, dout: Array) -> Array:
        """Return ``dout`` divided equally among all positions."""
        dx = self.scratch("dx", self._shape)
        share = dout / math.prod(self._shape[2:])
        dx[...] = share.reshape(*dout.shape, *(1,) * (len(self._shape) - 2))
        return dx
