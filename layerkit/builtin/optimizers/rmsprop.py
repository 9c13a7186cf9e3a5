"""RMSprop."""

import math

import numpy as np

from layerkit import Array, Fraction, Optimizer, PositiveFloat, Schedule, State


class RMSprop(Optimizer):
    """A rate for each parameter, ``w -= learning_rate g / (sqrt(mean of g^2) + epsilon)``.

    The mean decays: ``mean = decay mean + (1 - decay) g^2``, starting from 0.

    Args:
        learning_rate: The size of a step: a number, or a schedule.
        decay: The share of the mean that is kept from step to step.
        epsilon: Prevents a division by 0.

    Source:
        Tieleman and Hinton (2012), "Neural Networks for Machine Learning", lecture 6.5; the
        defaults are those of ``torch.optim.RMSprop``.
    """

    def __init__(
        self,
        learning_rate: PositiveFloat | Schedule = 0.01,
        decay: Fraction = 0.99,
        epsilon: PositiveFloat = 1e-8,
    ) -> None:
        self.learning_rate = learning_rate
        self.decay = decay
        self.epsilon = epsilon

    def build(self, size: int) -> None:
        """Declare the weighted sum of squares."""
        self.squares = State((size,))

    def update(self, params: Array, grads: Array, step: int) -> None:
        """Add the squares to their sum, and step."""
        # With squares = mean / (1 - decay) the mean needs no separate factor:
        # g / (sqrt(mean) + epsilon) = g / scale / (sqrt(squares) + epsilon / scale).
        scale = math.sqrt(1 - self.decay)
        work = self.scratch("work", params.shape)
        squares = self.squares.value
        squares *= self.decay
        squares += np.square(grads, out=work)
        np.sqrt(squares, out=work)
        work += self.epsilon / scale
        grads /= work
        grads *= self.rate(step) / scale
        params -= grads
