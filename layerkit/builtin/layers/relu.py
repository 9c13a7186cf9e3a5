"""The rectified linear unit."""

import numpy as np

from layerkit import Array, Layer


class Relu(Layer):
    """Rectified linear unit, ``y = max(x, 0)``; its derivative at 0 is taken as 0.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``

    Source:
        Saito (2016), "Deep Learning from Scratch", section 5.5.1.
    """

    def forward(self, x: Array) -> Array:
        """Return ``max(x, 0)``."""
        self._y = np.maximum(x, 0, out=self.scratch("y", x.shape))
        return self._y

    def backward(self, dout: Array) -> Array:
        """Return ``dout`` where ``x > 0``, and 0 elsewhere."""
        active = np.greater(self._y, 0, out=self.scratch("active", dout.shape, bool))
        return np.multiply(dout, active, out=self.scratch("dx", dout.shape))
