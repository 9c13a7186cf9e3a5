"""AdaGrad."""

import numpy as np

from layerkit import Array, Optimizer, PositiveFloat, Schedule, State


class AdaGrad(Optimizer):
    """A rate for each parameter, ``w -= learning_rate g / (sqrt(sum of g^2) + epsilon)``.

    The sum is over all steps so far, so parameters with large gradients slow down.

    Args:
        learning_rate: The size of the first step: a number, or a schedule.
        epsilon: Prevents a division by 0.

    Source:
        Duchi, Hazan and Singer (2011), "Adaptive Subgradient Methods for Online Learning and
        Stochastic Optimization"; the defaults are those of ``torch.optim.Adagrad``.
    """

    def __init__(
        self, learning_rate: PositiveFloat | Schedule = 0.01, epsilon: PositiveFloat = 1e-10
    ) -> None:
        self.learning_rate = learning_rate
        self.epsilon = epsilon

    def build(self, size: int) -> None:
        """Declare the sum of squares."""
        self.squares = State((size,))

    def update(self, params: Array, grads: Array, step: int) -> None:
        """Add the squares to their sum, and step."""
        work = self.scratch("work", params.shape)
        squares = self.squares.value
        squares += np.square(grads, out=work)
        np.sqrt(squares, out=work)
        work += self.epsilon
        grads /= work
        grads *= self.rate(step)
        params -= grads
