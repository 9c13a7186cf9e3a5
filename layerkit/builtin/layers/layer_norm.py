"""Layer normalisation."""

import math

import numpy as np

from layerkit import Array, Example, Layer, Parameter, PositiveFloat, PositiveInt, Shape, ShapeError

FAR = 30.0
"""The distance of a mean from 0, in standard deviations, beyond which its rounding is corrected."""


class LayerNorm(Layer):
    """Shifts and scales each example by itself, ``y = gamma (x - mean) / sqrt(var + eps) + beta``.

    Mean and variance are taken over the last axes of each example.

    Args:
        axes: The number of trailing axes to normalise over.
        epsilon: Prevents a division by 0.

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
        over, column = self._over, (*x.shape[: -self.axes], *(1,) * self.axes)
        normal = self._normal = self.scratch("normal", x.shape)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.add.reduce(x, axis=over, keepdims=True, out=self.scratch("mean", column))
            mean /= self.gamma.size
            np.subtract(x, mean, out=normal)
            square = np.square(normal, out=self.scratch("y", x.shape))
            scale = np.add.reduce(square, over, keepdims=True, out=self.scratch("scale", column))
            scale /= self.gamma.size
            is_far = (mean * mean > FAR**2 * scale).any()
        if not math.isfinite(np.add.reduce(scale, axis=None)):
            return self._scaled(x, normal, scale)
        if is_far:
            # The mean of large numbers has a rounding error, even if they are all equal. The
            # residuals are small, and so is the error of their mean.
            normal -= normal.mean(axis=over, keepdims=True)
            np.mean(np.square(normal, out=square), axis=over, keepdims=True, out=scale)
        scale += self.epsilon
        np.sqrt(scale, out=scale)
        self._scale = np.reciprocal(scale, out=scale)
        normal *= scale
        return self._stretched(normal)

    def _scaled(self, x: Array, normal: Array, scale: Array) -> Array:
        """Return the output for numbers whose squares overflow in their type."""
        # With z = x / s for any s: x - mean = s (z - mean), and the root of var + eps is a
        # hypotenuse, so no square is larger than the result.
        size = np.maximum(np.abs(x).max(axis=self._over, keepdims=True), 1)
        np.divide(x, size, out=normal)
        for _ in range(2):  # the second pass removes the rounding of the first
            normal -= normal.mean(axis=self._over, keepdims=True)
        deviation = size * np.sqrt(np.square(normal).mean(axis=self._over, keepdims=True))
        np.hypot(deviation, math.sqrt(self.epsilon), out=scale)
        self._scale = np.reciprocal(scale, out=scale)
        with np.errstate(over="ignore"):
            # This is infinite only if all numbers are equal, and then the result is 0.
            normal *= np.minimum(size * scale, np.finfo(x.dtype).max)
        return self._stretched(normal)

    def _stretched(self, normal: Array) -> Array:
        """Return the normalised input times ``gamma``, plus ``beta``."""
        y = np.multiply(normal, self.gamma.value, out=self.scratch("y", normal.shape))
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
        # through mean and variance g loses its components along 1 and the normalised input.
        dx = np.multiply(dout, self.gamma.value, out=self.scratch("dx", dout.shape))
        along = np.multiply(dx, self._normal, out=work).mean(axis=self._over, keepdims=True)
        dx -= dx.mean(axis=self._over, keepdims=True)
        dx -= np.multiply(self._normal, along, out=work)
        dx *= self._scale
        return dx
