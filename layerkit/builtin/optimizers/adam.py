"""Adam."""

import math

import numpy as np

from layerkit import Array, Fraction, NonNegativeFloat, Optimizer, PositiveFloat, Schedule, State


class Adam(Optimizer):
    """Momentum, and a rate for each parameter: ``w -= learning_rate m / (sqrt(v) + epsilon)``.

    ``m`` and ``v`` are weighted means of the gradients and of their squares over the steps so far.
    A gradient that is ``k`` steps old has the weight ``beta1^k``, and its square ``beta2^k``.

    Args:
        learning_rate: The approximate size of a step: a number, or a schedule.
        beta1: The share of the gradients' mean that is kept from step to step.
        beta2: The share of the squares' mean that is kept from step to step.
        epsilon: Prevents a division by 0.
        weight_decay: Keeps weights small: this times ``w`` is added to the gradient of every
            parameter, biases included. ``adamw`` shrinks ``w`` separately from the gradient.

    Source:
        Kingma and Ba (2015), "Adam: A Method for Stochastic Optimization", algorithm 1; the
        defaults are those of ``torch.optim.Adam``.
    """

    def __init__(
        self,
        learning_rate: PositiveFloat | Schedule = 0.001,
        beta1: Fraction = 0.9,
        beta2: Fraction = 0.999,
        epsilon: PositiveFloat = 1e-8,
        weight_decay: NonNegativeFloat = 0.0,
    ) -> None:
        self.learning_rate = learning_rate
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weight_decay = weight_decay

    def build(self, size: int) -> None:
        """Declare the weighted sums of the gradients and of their squares."""
        self.gradients = State((size,))
        self.squares = State((size,))

    def update(self, params: Array, grads: Array, step: int) -> None:
        """Step along the gradient of the loss and of the decay."""
        if self.weight_decay:
            grads += np.multiply(params, self.weight_decay, out=self.scratch("work", params.shape))
        self.adapt(params, grads, step)

    def adapt(self, params: Array, grads: Array, step: int) -> None:
        """Add the gradient to both sums, and step."""
        epsilon, factor = self.factors(step)
        gradients, squares = self.gradients.value, self.squares.value
        gradients *= self.beta1
        gradients += grads
        squares *= self.beta2
        squares += np.square(grads, out=grads)
        denominator = np.sqrt(squares, out=grads)
        denominator += epsilon
        change = np.divide(gradients, denominator, out=grads)
        change *= self.rate(step) * factor
        params -= change

    def factors(self, step: int) -> tuple[float, float]:
        """Return ``e`` and ``f`` so that the change is ``f gradients / (sqrt(squares) + e)``.

        The change is then multiplied by the learning rate.

        Args:
            step: The number of updates made before this one.
        """
        # The paper keeps (1 - beta) times these sums and divides by 1 - beta^t, which turns them
        # into means. Dividing by the sum of the weights, (1 - beta^t) / (1 - beta), is equivalent
        # and saves a pass over each vector. So does moving constants out of the fraction:
        # m / (sqrt(v) + epsilon) = gradients sqrt(b) / a / (sqrt(squares) + epsilon sqrt(b)),
        # where a and b are the sums of the weights.
        a = _sum_of_powers(self.beta1, step + 1)
        root_b = math.sqrt(_sum_of_powers(self.beta2, step + 1))
        return self.epsilon * root_b, root_b / a


def _sum_of_powers(beta: float, count: int) -> float:
    """Return ``1 + beta + ... + beta^(count - 1)``."""
    return float((1 - beta**count) / (1 - beta))
