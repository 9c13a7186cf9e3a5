"""Reshaping."""

import math

from layerkit import Array, Example, Layer, Shape, ShapeError


class Reshape(Layer):
    """Gives each example another shape; the last axis varies fastest.

    Args:
        shape: The new shape. One axis may be -1: it is inferred from the others.

    Shapes:
        x: ``(batch, *old)``
        y: ``(batch, *shape)``, a view of ``x`` if its memory layout allows

    Raises:
        ValueError: An axis is neither positive nor -1, or several are -1.
    """

    examples = (Example({"shape": [3, -1]}, [(2, 6)]), Example({"shape": [4]}, [(2, 2)]))
    gives_views = True
    meaning = "same"

    def __init__(self, shape: tuple[int, ...]) -> None:
        if any(n < 1 and n != -1 for n in shape) or shape.count(-1) > 1:
            raise ValueError("shape must have positive axes, and -1 for at most one of them")
        self.shape = shape

    def build(self, shape: Shape) -> Shape:
        """Return the new shape, with -1 replaced."""
        size, fixed_size = math.prod(shape), math.prod(n for n in self.shape if n != -1)
        inferred = tuple(size // fixed_size if n == -1 else n for n in self.shape)
        if math.prod(inferred) != size:
            raise ShapeError(f"makes {list(self.shape)} of each example")
        self._to = inferred
        return inferred

    def forward(self, x: Array) -> Array:
        """Return the examples in their new shape."""
        self._from = x.shape
        return x.reshape(len(x), *self._to)

    def backward(self, dout: Array) -> Array:
        """Return the gradient in the shape of the input."""
        return dout.reshape(self._from)
