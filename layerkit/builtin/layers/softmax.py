"""The softmax."""

import numpy as np

from layerkit import Array, Layer, Shape, ShapeError, softmax


class Softmax(Layer):
    """Probabilities over the last axis, ``y = exp(x) / sum(exp(x))``.

    It is refused before ``softmax_with_loss``, because that loss computes the softmax itself.

    Shapes:
        x: ``(batch, *shape, classes)``
        y: the shape of ``x``

    Source:
        Bridle (1990), "Probabilistic Interpretation of Feedforward Classification Network
        Outputs", equation 3.
    """

    meaning = "probabilities"

    def build(self, shape: Shape) -> Shape:
        """Return the shape of the input."""
        if not shape:
            raise ShapeError("takes at least one axis of classes")
        return shape

    def forward(self, x: Array) -> Array:
        """Return the softmax over the last axis."""
        self._y = softmax(x, out=self.scratch("y", x.shape))
        return self._y

    def backward(self, dout: Array) -> Array:
        """Return ``y (dout - sum(dout y))``, the sum over the last axis."""
        # dy_i/dx_j = y_i (1 if i = j else 0) - y_i y_j
        dx = np.multiply(dout, self._y, out=self.scratch("dx", dout.shape))
        total = np.sum(dx, axis=-1, keepdims=True, out=self.scratch("sum", (*dx.shape[:-1], 1)))
        np.subtract(dout, total, out=dx)
        return np.multiply(dx, self._y, out=dx)
