"""Batch normalisation."""

import math
from typing import Annotated

import numpy as np
from annotated_types import Interval

from layerkit import (
    Array,
    Example,
    Layer,
    NonFiniteError,
    Parameter,
    PositiveFloat,
    Shape,
    ShapeError,
    State,
)

NEGLIGIBLE = 1e-6
"""The error of a mean, in standard deviations, below which it is not corrected."""


class BatchNorm(Layer):
    """Shifts and scales each channel, ``y = gamma (x - mean) / sqrt(var + eps) + beta``.

    In training, mean and variance are those of the channel in the batch, over all positions of an
    image or a sequence. In evaluation, they are running means of these.

    Args:
        momentum: How far the running means move toward those of each batch; 1 is all the way.
        epsilon: Prevents a division by 0.

    Shapes:
        x: ``(batch, channels)`` or ``(batch, channels, *positions)``
        y: the shape of ``x``
        gamma, beta, running_mean, running_var: ``(channels,)``

    Raises:
        ShapeError: By ``forward`` in training, for a batch with one number per channel, whose
            variance is 0.
        NonFiniteError: By ``forward`` in training, if the type cannot hold the variance.

    Source:
        Ioffe and Szegedy (2015), "Batch Normalization", algorithms 1 and 2. As in PyTorch, the
        running variance is the unbiased one.
    """

    examples = (Example(shapes=[(3,)]), Example({"momentum": 0.5}, [(2, 3, 4)]))
    differs_in_training = True
    mixes_examples = True
    gamma: Parameter
    beta: Parameter
    running_mean: State
    running_var: State

    def __init__(
        self,
        momentum: Annotated[float, Interval(gt=0, le=1)] = 0.1,
        epsilon: PositiveFloat = 1e-5,
    ) -> None:
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, shape: Shape) -> Shape:
        """Declare ``gamma``, ``beta`` and the running means."""
        if not shape:
            raise ShapeError("takes at least one axis, that of the channels")
        channels = shape[:1]
        self.least_batch = 2 if math.prod(shape[1:]) == 1 else 1
        self.gamma, self.beta = Parameter(channels, 1.0), Parameter(channels)
        self.running_mean, self.running_var = State(channels), State(channels, 1.0)
        self._over = (0, *range(2, len(shape) + 1))
        self._column = (-1, *(1,) * (len(shape) - 1))  # one number per channel, to broadcast over x
        self.scratch_size = math.prod(shape)
        return shape

    def forward(self, x: Array) -> Array:
        """Return the normalised input times ``gamma``, plus ``beta``."""
        normal = self._normal = self.scratch("normal", x.shape)
        var = self._centre_batch(x, normal) if self.training else self._centre(x, normal)
        scale = 1 / np.sqrt(var + self.epsilon)
        self._batch_scale, self._trained = scale.reshape(self._column), self.training
        normal *= self._batch_scale
        gamma, beta = self.gamma.value, self.beta.value
        y = np.multiply(normal, gamma.reshape(self._column), out=self.scratch("y", x.shape))
        y += beta.reshape(self._column)
        return y

    def backward(self, dout: Array) -> Array | None:
        """Set the gradients of ``gamma`` and ``beta``, and return that of ``x``."""
        work = np.multiply(dout, self._normal, out=self.scratch("work", dout.shape))
        np.sum(work, axis=self._over, out=self.gamma.grad)
        np.sum(dout, axis=self._over, out=self.beta.grad)
        if not self.needs_input_grad:
            return None
        factor = self.gamma.value.reshape(self._column) * self._batch_scale
        dx = np.multiply(dout, factor, out=self.scratch("dx", dout.shape))
        if self._trained:
            # The mean and the variance of the batch depend on x too: through them, dout loses its
            # mean and its component along the normalised input.
            count = dout.size // len(self.gamma.grad)
            along = np.multiply(
                self._normal,
                (factor.reshape(-1) * self.gamma.grad / count).reshape(self._column),
                out=work,
            )
            dx -= along
            dx -= (factor.reshape(-1) * self.beta.grad / count).reshape(self._column)
        return dx

    def _centre_batch(self, x: Array, centred: Array) -> Array:
        """Write ``x`` minus the mean of the batch, move the running means, return the variance.

        Raises:
            NonFiniteError: The type cannot hold the variance.
        """
        count = x.size // x.shape[1]
        if count < 2:
            raise ShapeError("takes batches with more than one number per channel in training")
        with np.errstate(over="ignore", invalid="ignore"):  # reported below
            mean = np.add.reduce(x, axis=self._over) / count
            np.subtract(x, mean.reshape(self._column), out=centred)
            # The sum of many large numbers has a rounding error. The residuals are small, and so
            # is the error of their sum.
            rest = np.add.reduce(centred, axis=self._over) / count
            squares = np.square(centred, out=self.scratch("y", x.shape))
            var: Array = np.add.reduce(squares, axis=self._over) / count
            var -= rest * rest
        if not math.isfinite(np.add.reduce(var)) and np.isfinite(x).all():
            raise NonFiniteError(
                f"the variance of the inputs of batch_norm is larger than {x.dtype} holds; scale "
                'the inputs, or compute in "dtype": "float64"'
            )
        # Usually it is a rounding of the last digit, which is not worth a pass over the batch.
        if (rest * rest > NEGLIGIBLE**2 * var).any():
            centred -= rest.reshape(self._column)
        mean += rest
        unbiased = var * (count / (count - 1))
        for running, now in ((self.running_mean, mean), (self.running_var, unbiased)):
            running.value += self.momentum * (now - running.value)
        return var

    def _centre(self, x: Array, centred: Array) -> Array:
        """Write ``x`` minus the running mean, and return the running variance."""
        np.subtract(x, self.running_mean.value.reshape(self._column), out=centred)
        return self.running_var.value
