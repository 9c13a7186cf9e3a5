"""Laws of learning-rate schedules."""

import numpy as np

from layerkit.testing.subject import LawBroken, Subject

STEPS = 50


def _rates(subject: Subject) -> list[tuple[list[float], list[float]]]:
    """Return the rates of all steps, computed in order and in reverse."""
    rates = []
    for _, spec in subject.uses:
        schedule = spec.create()
        schedule.build(STEPS)
        ahead = [schedule(step) for step in range(STEPS)]
        rates.append((ahead, [schedule(step) for step in reversed(range(STEPS))][::-1]))
    return rates


def rates_are_finite_and_not_negative(subject: Subject) -> None:
    """The rate of every step is a finite number of at least 0."""
    for rates, _ in _rates(subject):
        for step, rate in enumerate(rates):
            if np.ndim(rate) or not np.isfinite(rate) or rate < 0:
                raise LawBroken(f"the rate of step {step} of {STEPS} is {rate!r}")


def the_step_alone_tells_the_rate(subject: Subject) -> None:
    """The rate of a step does not depend on which steps were requested before."""
    for ahead, backwards in _rates(subject):
        if ahead != backwards:
            raise LawBroken(
                "asked for in another order, steps have other rates; a run that is resumed needs "
                "the rate of its step alone"
            )


LAWS = (rates_are_finite_and_not_negative, the_step_alone_tells_the_rate)
