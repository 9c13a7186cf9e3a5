"""The leaky rectified linear unit."""

import numpy as np

from layerkit import Array, Example, Layer, NonNegativeFloat


class LeakyRelu(Layer):
    """ReLU with a small slope for negative inputs, ``y = x if x > 0 else slope x``.

    Args:
        negative_slope: The factor of negative inputs; 0 gives ``relu``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``

    Source:
        Maas, Hannun and Ng (2013), "Rectifier Nonlinearities Improve Neural Network Acoustic
        Models", section 2.
    """

    examples = (Example(shapes=[(5,)]), Example({"negative_slope": 0.2}, [(2, 3)]))

    def __init__(self, negative_slope: NonNegativeFloat = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Array) -> Array:
        """Return ``x`` times its slope."""
        slope = self._slope = self.scratch("slope", x.shape)
        slope.fill(self.negative_slope)
        slope[x > 0] = 1
        return np.multiply(x, slope, out=self.scratch("y", x.shape))

    def backward(self, dout: Array) -> Array:
        """Return ``dout`` times the slope of each input."""
        return np.multiply(dout, self._slope, out=self.scratch("dx", dout.shape))
