"""Mutants of the laws of optimizers."""

import numpy as np

from layerkit import Array, Optimizer, PositiveFloat, Schedule, State
from mutants.catalogue import breaks, sound


@sound
class Descent(Optimizer):
    """Gradient descent with momentum.

    Args:
        learning_rate: How far to go.
    """

    def __init__(self, learning_rate: PositiveFloat | Schedule = 0.01) -> None:
        self.learning_rate = learning_rate

    def build(self, size: int) -> None:
        self.v = State((size,))

    def update(self, params: Array, grads: Array, step: int) -> None:
        self.v.value = 0.5 * self.v.value + grads
        params -= self.rate(step) * self.v.value


class OfDescent(Descent):
    __doc__ = Descent.__doc__


@breaks("it_goes_downhill", "is the sign right?")
class GoesUphill(OfDescent):
    __doc__ = Descent.__doc__

    def update(self, params: Array, grads: Array, step: int) -> None:
        super().update(params, -grads, step)


@breaks("it_updates_in_place", "a state is not float32")
class KeepsDoubles(OfDescent):
    __doc__ = Descent.__doc__

    def build(self, size: int) -> None:
        self.v = Doubles((size,))


class Doubles(State):
    def bind(self, value: Array) -> None:
        super().bind(value.astype(np.float64))


@breaks("every_parameter_counts_alone", "updated differently alone")
class DividesByTheNorm(OfDescent):
    __doc__ = Descent.__doc__

    def update(self, params: Array, grads: Array, step: int) -> None:
        super().update(params, grads / (1 + np.linalg.norm(grads)), step)


@breaks("all_that_it_remembers_is_saved", "in a State that build declares")
class CountsByItself(OfDescent):
    __doc__ = Descent.__doc__
    count = 0

    def update(self, params: Array, grads: Array, step: int) -> None:
        self.count += 1
        super().update(params, grads / (1 + 1 / self.count), step)


@breaks("the_learning_rate_sets_the_pace", "use self.rate(step)")
class HasItsOwnRate(OfDescent):
    __doc__ = Descent.__doc__

    def rate(self, step: int) -> float:
        return 0.01
