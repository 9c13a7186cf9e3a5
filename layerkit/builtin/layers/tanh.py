"""The hyperbolic tangent."""

import numpy as np

from layerkit import Array, Layer


class Tanh(Layer):
    """Hyperbolic tangent, ``y = tanh(x)``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``

    Source:
        LeCun, Bottou, Orr and Müller (1998), "Efficient BackProp", section 4.4.
    """

    def forward(self, x: Array) -> Array:
        """Return ``tanh(x)``."""
        self._y: Array = np.tanh(x, out=self.scratch("y", x.shape))
        return self._y

    def backward(self, dout: Array) -> Array:
        """Return ``dout (1 - y^2)``."""
        dx = np.square(self._y, out=self.scratch("dx", dout.shape))
        np.subtract(1, dx, out=dx)
        return np.multiply(dx, dout, out=dx)
