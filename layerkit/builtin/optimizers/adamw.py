"""AdamW."""

from layerkit import Array, Fraction, NonNegativeFloat, PositiveFloat, Schedule
from layerkit.builtin.optimizers.adam import Adam


class AdamW(Adam):
    """Adam with decoupled weight decay: ``w *= 1 - learning_rate weight_decay`` before each step.

    Args:
        learning_rate: The approximate size of a step: a number, or a schedule.
        beta1: The share of the gradients' mean that is kept from step to step.
        beta2: The share of the squares' mean that is kept from step to step.
        epsilon: Prevents a division by 0.
        weight_decay: Keeps weights small; it applies to every parameter, biases included.

    Source:
        Loshchilov and Hutter (2019), "Decoupled Weight Decay Regularization", algorithm 2; the
        defaults are those of ``torch.optim.AdamW``.
    """

    def __init__(
        self,
        learning_rate: PositiveFloat | Schedule = 0.001,
        beta1: Fraction = 0.9,
        beta2: Fraction = 0.999,
        epsilon: PositiveFloat = 1e-8,
        weight_decay: NonNegativeFloat = 0.01,
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, epsilon, weight_decay)

    def update(self, params: Array, grads: Array, step: int) -> None:
        """Shrink the parameters, and step along the gradient."""
        if self.weight_decay:
            params *= 1 - self.rate(step) * self.weight_decay
        self.adapt(params, grads, step)
