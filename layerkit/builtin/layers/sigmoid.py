"""The sigmoid."""

import numpy as np

from layerkit import Array, Layer, sigmoid


class Sigmoid(Layer):
    """Logistic function, ``y = 1 / (1 + exp(-x))``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``

    Source:
        Saito (2016), "Deep Learning from Scratch", section 5.5.2.
    """

    meaning = "probabilities"

    def forward(self, x: Array) -> Array:
        """Return ``1 / (1 + exp(-x))``."""
        self._y = sigmoid(x, out=self.scratch("y", x.shape))
        return self._y

    def backward(self, dout: Array) -> Array:
        """Return ``dout y (1 - y)``."""
        dx = np.subtract(1, self._y, out=self.scratch("dx", dout.shape))
        dx *= self._y
        dx *= dout
        return dx
