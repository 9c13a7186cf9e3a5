"""The sum."""

import numpy as np

from layerkit import Array, Example, Layer, Shape, ShapeError


class Add(Layer):
    """Elementwise sum of two or more inputs, ``z = x + y + ...``; the end of a residual link.

    Shapes:
        x, y, ...: ``(batch, *shape)``
        z: the shape of ``x``

    Source:
        Saito (2016), "Deep Learning from Scratch", section 5.4.2.
    """

    gives_views = True  # every gradient is dout itself
    examples = (Example(shapes=[(3,), (3,)]), Example(shapes=[(2, 3), (2, 3), (2, 3)]))

    def build(self, x: Shape, y: Shape, *more: Shape) -> Shape:
        """Return the common shape of all inputs."""
        if any(shape != x for shape in (y, *more)):
            raise ShapeError("takes inputs of one shape")
        return x

    def forward(self, x: Array, y: Array, *more: Array) -> Array:
        """Return the sum of all inputs: a Python number for Python numbers, as in the book."""
        self._inputs = 2 + len(more)
        are_two_arrays = isinstance(x, np.ndarray) and isinstance(y, np.ndarray) and not more
        if not are_two_arrays or x.shape != y.shape:
            shapes = [np.shape(value) for value in (x, y, *more)]
            if shapes.count(shapes[0]) != len(shapes):
                raise ShapeError(f"takes inputs of one shape, got {' and '.join(map(str, shapes))}")
            if not isinstance(x, np.ndarray):
                return sum((y, *more), start=x)
        z = np.add(x, y, out=self.scratch("z", x.shape))
        for other in more:
            z += other
        return z

    def backward(self, dout: Array) -> tuple[Array, ...]:
        """Return ``dout`` for each input."""
        return (dout,) * self._inputs
