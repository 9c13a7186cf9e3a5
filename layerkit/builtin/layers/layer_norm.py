"""Layer normalisation."""

import math

import numpy as np

from layerkit import Array, Example, Layer, Parameter, PositiveFloat, PositiveInt, Shape, ShapeError


class LayerNorm(Layer):
    """Shifts and scales each example by itself, ``y = gamma (x - mean) / sqrt(var + eps) + beta``.

    Mean and variance are those of the last axes of each example.

    Args:
        axes: Over how many trailing axes.
        epsilon: Keeps the division from 0.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
        gamma, beta: the last ``axes`` axes of ``shape``

    Source:
        Ba, Kiros and Hinton (2016), "Layer Normalization", section 3.
    """

    examples = (Example(shapes=[(4,)]), Example({"axes": 2}, [(2, 3, 4)]))
    gamma: Parameter
    beta: Parameter

    def __init__(self, axes: PositiveInt = 1, epsilon: PositiveFloat = 1e-5) -> None:
        self.axes = axes
        self.epsilon = epsilon

    def build(self, shape: Shape) -> Shape:
        """Declare ``gamma`` and ``beta``."""
        if len(shape) < self.axes:
            raise ShapeError(f"takes at least {self.axes} axes")
        self.gamma = Parameter(shape[-self.axes :], 1.0)
        self.beta = Parameter(shape[-self.axes :])
        self._over = tuple(range(-self.axes, 0))
        self._outer = tuple(range(len(shape) - self.axes + 1))
        self.scratch_size = math.prod(shape)
        return shape

    def forward(self, x: Array) -> Array:
        """Return the normalised input times ``gamma``, plus ``beta``."""
        over = self._over
        column = (*x.shape[: -self.axes], *(1,) * self.axes)
        mean = np.mean(x, axis=over, keepdims=True, out=self.scratch("mean", column))
        normal = self._normal = np.subtract(x, mean, out=self.scratch("normal", x.shape))
        square = np.square(normal, out=self.scratch("y", x.shape))
        scale = np.mean(square, axis=over, keepdims=True, out=self.scratch("scale", column))
        scale += self.epsilon
        np.sqrt(scale, out=scale)
        self._scale = np.reciprocal(scale, out=scale)
        normal *= scale
        y = np.multiply(normal, self.gamma.value, out=square)
        y += self.beta.value
        return y

    def backward(self, dout: Array) -> Array | None:
        """Set the gradients of ``gamma`` and ``beta``, and return that of ``x``."""
        work = np.multiply(dout, self._normal, out=self.scratch("work", dout.shape))
        np.sum(work, axis=self._outer, out=self.gamma.grad)
        np.sum(dout, axis=self._outer, out=self.beta.grad)
        if not self.needs_input_grad:
            return None
        # With g = dout gamma: dx = (g - mean(g) - normal mean(g normal)) / sqrt(var + eps), since
        # mean and variance take from g what lies along 1 and along the normalised input.
        dx = np.multiply(dout, self.gamma.value, out=self.scratch("dx", dout.shape))
        along = np.multiply(dx, self._normal, out=work).mean(axis=self._over, keepdims=True)
        dx -= dx.mean(axis=self._over, keepdims=True)
        dx -= np.multiply(self._normal, along, out=work)
        dx *= self._scale
        return dx
