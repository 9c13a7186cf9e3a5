"""Positions as waves."""

import numpy as np

from layerkit import Array, Example, Layer, PositiveFloat, Shape, ShapeError


class PositionalEncoding(Layer):
    """Adds waves that encode the position, ``y[t] = x[t] + p[t]``.

    ``p[t, 2 i] = sin(t / base^(2 i / features))``, and ``p[t, 2 i + 1]`` is the cosine of the same.

    Args:
        base: Sets the longest wavelength, ``2 pi base`` steps.

    Shapes:
        x: ``(batch, time, features)``
        y: the shape of ``x``

    Source:
        Vaswani et al. (2017), "Attention Is All You Need", section 3.5.
    """

    examples = (Example(shapes=[(4, 6)]), Example({"base": 100.0}, [(3, 5)]))
    gives_views = True  # the gradient is dout itself

    def __init__(self, base: PositiveFloat = 10_000.0) -> None:
        self.base = base

    def build(self, shape: Shape) -> Shape:
        """Compute the waves."""
        if len(shape) != 2:
            raise ShapeError("takes sequences (time, features)", 'put "reshape" before it')
        time, features = shape
        pairs = np.arange(features) // 2
        angles = np.arange(time)[:, np.newaxis] / self.base ** (2 * pairs / max(1, features))
        waves = np.where(np.arange(features) % 2 == 0, np.sin(angles), np.cos(angles))
        self._waves: Array = waves.astype(self.dtype)
        return shape

    def forward(self, x: Array) -> Array:
        """Return ``x`` plus the waves."""
        return np.add(x, self._waves, out=self.scratch("y", x.shape))

    def backward(self, dout: Array) -> Array:
        """Return ``dout``."""
        return dout
