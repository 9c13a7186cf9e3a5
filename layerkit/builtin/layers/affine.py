"""The affine layer."""

import numpy as np

from layerkit import (
    Array,
    Example,
    He,
    Initializer,
    Layer,
    Parameter,
    PositiveInt,
    Shape,
    ShapeError,
    Zeros,
    matmul,
)


class Affine(Layer):
    """Affine map of each example, ``y = x W + b``; elsewhere called dense or linear.

    Args:
        units: The number of outputs.
        weight_init: The initial value of ``W``.
        bias_init: The initial value of ``b``.
        bias: Whether to add ``b``.

    Shapes:
        x: ``(batch, features)``
        y: ``(batch, units)``
        W: ``(features, units)``
        b: ``(units,)``

    Source:
        Saito (2016), "Deep Learning from Scratch", section 5.6.
    """

    examples = (
        Example({"units": 4}, [(3,)]),
        Example({"units": 1, "bias": False, "weight_init": "xavier"}, [(5,)]),
    )
    W: Parameter
    b: Parameter

    def __init__(
        self,
        units: PositiveInt,
        weight_init: Initializer = He(),  # noqa: B008  initializers hold no state
        bias_init: Initializer = Zeros(),  # noqa: B008
        bias: bool = True,
    ) -> None:
        self.units = units
        self.weight_init = weight_init
        self.bias_init = bias_init
        self.bias = bias

    def build(self, shape: Shape) -> Shape:
        """Declare ``W`` and ``b``."""
        if len(shape) != 1:
            raise ShapeError("takes vectors", hint='put "flatten" between them')
        self.W = Parameter((shape[0], self.units), self.weight_init)
        if self.bias:
            self.b = Parameter((self.units,), self.bias_init)
        return (self.units,)

    def forward(self, x: Array) -> Array:
        """Return ``x W + b``."""
        self._x = x
        y = matmul(x, self.W.value, out=self.scratch("y", (len(x), self.units)))
        if self.bias:
            y += self.b.value
        return y

    def backward(self, dout: Array) -> Array | None:
        """Set ``dW = x^T dout`` and ``db = sum(dout)``, and return ``dx = dout W^T``."""
        matmul(self._x.T, dout, out=self.W.grad)
        if self.bias:
            np.add.reduce(dout, axis=0, out=self.b.grad)
        if not self.needs_input_grad:
            return None
        return matmul(dout, self.W.value.T, out=self.scratch("dx", self._x.shape))
