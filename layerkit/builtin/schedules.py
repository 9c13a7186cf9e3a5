"""Learning rates that change from step to step."""

import math

from layerkit import Example, NonNegativeFloat, PositiveFloat, PositiveInt, Schedule


class Constant(Schedule):
    """The same rate at every step.

    Args:
        learning_rate: The rate.
    """

    examples = (Example({"learning_rate": 0.1}),)

    def __init__(self, learning_rate: PositiveFloat) -> None:
        self.learning_rate = learning_rate

    def __call__(self, step: int) -> float:
        """Return the rate."""
        return self.learning_rate


class Step(Schedule):
    """A staircase, ``learning_rate * factor^floor(step / every)``.

    Args:
        learning_rate: The rate of the first steps.
        every: The length of a stair, in steps.
        factor: The factor of the rate from each stair to the next.

    Source:
        He, Zhang, Ren and Sun (2016), "Deep Residual Learning for Image Recognition",
        section 3.4, which divides the rate by 10 from time to time.
    """

    examples = (Example({"learning_rate": 0.1, "every": 10}),)

    def __init__(
        self, learning_rate: PositiveFloat, every: PositiveInt, factor: PositiveFloat = 0.1
    ) -> None:
        self.learning_rate = learning_rate
        self.every = every
        self.factor = factor

    def __call__(self, step: int) -> float:
        """Return the rate of the stair that the step is on."""
        return self.learning_rate * self.factor ** (step // self.every)


class Cosine(Schedule):
    """Half a cosine, ``final + (learning_rate - final) (1 + cos(pi step / steps)) / 2``.

    Args:
        learning_rate: The rate of the first step.
        final: The rate from step ``steps`` on.
        steps: The length of the descent; by default the whole run.

    Source:
        Loshchilov and Hutter (2017), "SGDR: Stochastic Gradient Descent with Warm Restarts",
        eq. 5, without restarts.
    """

    examples = (
        Example({"learning_rate": 0.1}),
        Example({"learning_rate": 0.1, "final": 0.01, "steps": 20}),
    )

    def __init__(
        self,
        learning_rate: PositiveFloat,
        final: NonNegativeFloat = 0.0,
        steps: PositiveInt | None = None,
    ) -> None:
        self.learning_rate = learning_rate
        self.final = final
        self.steps = steps

    def build(self, total_steps: int) -> None:
        """Store the length of the run."""
        self._total_steps = total_steps

    def __call__(self, step: int) -> float:
        """Return the rate at this point of the descent."""
        steps = self._total_steps if self.steps is None else self.steps
        height = (1 + math.cos(math.pi * min(step / steps, 1))) / 2
        return self.final + (self.learning_rate - self.final) * height


class LinearWarmup(Schedule):
    """A linear climb to the rate that follows it, ``after(0) (step + 1) / steps``.

    Args:
        steps: The length of the climb; its last step has the full rate.
        after: The rate after the climb: a number, or a schedule that begins then.

    Source:
        Goyal et al. (2017), "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour",
        section 2.2.
    """

    examples = (Example({"steps": 5, "after": {"type": "cosine", "learning_rate": 0.1}}),)

    def __init__(self, steps: PositiveInt, after: PositiveFloat | Schedule) -> None:
        self.steps = steps
        self.after = after

    def build(self, total_steps: int) -> None:
        """Build the schedule that follows for the remaining steps."""
        if isinstance(self.after, Schedule):
            self.after.build(max(total_steps - self.steps, 1))

    def __call__(self, step: int) -> float:
        """Return the rate during or after the climb."""
        if step < self.steps:
            return self._after(0) * (step + 1) / self.steps
        return self._after(step - self.steps)

    def _after(self, step: int) -> float:
        return self.after(step) if isinstance(self.after, Schedule) else self.after
