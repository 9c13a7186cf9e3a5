"""The initializer ``constant``; the package root exports the others."""

import numpy as np

from layerkit import Array, Example, Initializer, Rng, Shape


class Constant(Initializer):
    """The same number everywhere, ``w = value``.

    Args:
        value: The number.

    Source:
        Goodfellow, Bengio and Courville (2016), "Deep Learning", section 8.4, on biases such as
        0.1, with which a ReLU starts active.
    """

    examples = (Example({"value": 0.5}),)

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self, shape: Shape, rng: Rng) -> Array:
        """Return the number, repeated."""
        return np.full(shape, self.value, np.float64)
