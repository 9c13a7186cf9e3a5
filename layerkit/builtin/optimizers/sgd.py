"""Stochastic gradient descent."""

import numpy as np

from layerkit import Array, Fraction, NonNegativeFloat, Optimizer, PositiveFloat, Schedule, State


class SGD(Optimizer):
    """Gradient descent, ``w -= learning_rate g``, optionally with momentum.

    With momentum, the step is along the velocity ``v = momentum v + g``. With Nesterov's momentum,
    it is along ``g + momentum v``, which looks one step ahead.

    Args:
        learning_rate: The factor of the gradient: a number, or a schedule.
        momentum: The share of the velocity that is kept from step to step.
        nesterov: Whether the momentum is Nesterov's.
        weight_decay: Keeps weights small: this times ``w`` is added to the gradient of every
            parameter, biases included.

    Raises:
        ValueError: ``nesterov`` without ``momentum``.

    Source:
        Saito (2016), "Deep Learning from Scratch", sections 6.1.2 and 6.1.4; Sutskever, Martens,
        Dahl and Hinton (2013), "On the importance of initialization and momentum in deep
        learning", in the form of ``torch.optim.SGD``, where the velocity does not include the rate.
    """

    def __init__(
        self,
        learning_rate: PositiveFloat | Schedule = 0.01,
        momentum: Fraction = 0.0,
        nesterov: bool = False,
        weight_decay: NonNegativeFloat = 0.0,
    ) -> None:
        if nesterov and not momentum:
            raise ValueError("nesterov needs a momentum greater than 0")
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.nesterov = nesterov
        self.weight_decay = weight_decay

    def build(self, size: int) -> None:
        """Declare the velocity, if there is momentum."""
        if self.momentum:
            self.velocity = State((size,))

    def update(self, params: Array, grads: Array, step: int) -> None:
        """Subtract the learning rate times the gradient or the velocity."""
        if self.weight_decay:
            grads += np.multiply(params, self.weight_decay, out=self.scratch("decay", params.shape))
        direction = self._accelerated(grads) if self.momentum else grads
        params -= np.multiply(direction, self.rate(step), out=grads)

    def _accelerated(self, grads: Array) -> Array:
        """Add the gradient to the velocity, and return the direction of the step."""
        velocity = self.velocity.value
        velocity *= self.momentum
        velocity += grads
        if not self.nesterov:
            return velocity
        grads += np.multiply(velocity, self.momentum, out=self.scratch("ahead", grads.shape))
        return grads
