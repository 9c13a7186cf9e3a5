"""The product."""

import numpy as np

from layerkit import Array, Example, Layer, Shape, ShapeError


class Mul(Layer):
    """Elementwise product of two inputs, ``z = x y``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
        z: the shape of ``x``

    Source:
        Saito (2016), "Deep Learning from Scratch", section 5.4.1.
    """

    examples = (Example(shapes=[(3,), (3,)]), Example(shapes=[(2, 3), (2, 3)]))

    def build(self, x: Shape, y: Shape) -> Shape:
        """Return the common shape of both inputs."""
        if x != y:
            raise ShapeError("takes two inputs of one shape")
        return x

    def forward(self, x: Array, y: Array) -> Array:
        """Return ``x y``: a Python number for Python numbers, as in the book."""
        self._x, self._y = x, y
        if not (isinstance(x, np.ndarray) and isinstance(y, np.ndarray) and x.shape == y.shape):
            if np.shape(x) != np.shape(y):
                raise ShapeError(
                    f"takes two inputs of one shape, got {np.shape(x)} and {np.shape(y)}"
                )
            return x * y
        return np.multiply(x, y, out=self.scratch("z", x.shape))

    def backward(self, dout: Array) -> tuple[Array, Array]:
        """Return ``dx = dout y`` and ``dy = dout x``."""
        if not isinstance(dout, np.ndarray):
            return dout * self._y, dout * self._x
        dx = np.multiply(dout, self._y, out=self.scratch("dx", dout.shape))
        dy = np.multiply(dout, self._x, out=self.scratch("dy", dout.shape))
        return dx, dy
