"""Mutants of the laws of schedules."""

from layerkit import Schedule
from mutants.catalogue import breaks, sound


@sound
class Falling(Schedule):
    """Falls with the steps, ``0.1 / (1 + step)``."""

    def __call__(self, step: int) -> float:
        return 0.1 / (1 + step)


@breaks("rates_are_finite_and_not_negative", "the rate of step 11 of 50 is -")
class FallsBelowZero(Falling):
    """Falls in a line."""

    def __call__(self, step: int) -> float:
        return 0.1 - 0.0095 * step


@breaks("the_step_alone_tells_the_rate", "asked for in another order")
class CountsItsCalls(Falling):
    """Falls with each call."""

    calls = 0

    def __call__(self, step: int) -> float:
        self.calls += 1
        return 0.1 / self.calls
