"""Flattening."""

import math

from layerkit import Array, Example, Layer, Shape


class Flatten(Layer):
    """Turns each example into a vector; the last axis varies fastest.

    Shapes:
        x: ``(batch, *shape)``
        y: ``(batch, features)``, a view of ``x`` if its memory layout allows
    """

    examples = (Example(shapes=[(2, 3, 4)]), Example(shapes=[(5,)]))
    gives_views = True
    meaning = "same"

    def build(self, shape: Shape) -> Shape:
        """Return the number of elements as a shape."""
        return (math.prod(shape),)

    def forward(self, x: Array) -> Array:
        """Return the examples as vectors."""
        self._shape = x.shape
        return x.reshape(len(x), math.prod(x.shape[1:]))

    def backward(self, dout: Array) -> Array:
        """Return the gradient in the shape of the input."""
        return dout.reshape(self._shape)
