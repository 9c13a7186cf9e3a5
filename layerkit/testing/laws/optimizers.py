"""Laws of optimizers."""

import numpy as np

from layerkit.contracts.component import Component
from layerkit.contracts.optimizer import Optimizer
from layerkit.contracts.ownership import variables
from layerkit.contracts.schedule import Schedule
from layerkit.contracts.variable import State
from layerkit.spec import ComponentSpec
from layerkit.testing.subject import LawBroken, Subject
from layerkit.types import Array

SIZE = 12


class Run:
    """An optimizer that minimizes ``|x - goal|^2 / 2``."""

    def __init__(self, optimizer: Optimizer, dtype: str = "float64", size: int = SIZE) -> None:
        self.optimizer = optimizer
        rng = np.random.default_rng(0)
        optimizer.initialize(size, rng, dtype)
        if isinstance(optimizer.learning_rate, Schedule):
            optimizer.learning_rate.build(400)
        self.states: list[tuple[str, State]] = list(variables(optimizer))
        self.params: Array = rng.normal(size=SIZE).astype(dtype)[:size]
        self.goal: Array = rng.normal(size=SIZE).astype(dtype)[:size]
        self.made = 0

    def steps(self, count: int) -> Array:
        """Make updates, and return the parameters."""
        for _ in range(count):
            self.optimizer.update(self.params, self.params - self.goal, self.made)
            self.made += 1
        return self.params

    def distance(self) -> float:
        """Return how far the goal is."""
        return float(np.linalg.norm(self.params - self.goal))


def _made(subject: Subject) -> list[ComponentSpec[Component]]:
    return [spec for _, spec in subject.uses]


def it_goes_downhill(subject: Subject) -> None:
    """A few hundred updates bring a quadratic function closer to its minimum."""
    for spec in _made(subject):
        run = Run(spec.create())  # type: ignore[arg-type]
        before = run.distance()
        run.steps(300)
        if not run.distance() < 0.95 * before:
            raise LawBroken(
                f"300 updates of |x - goal|^2 / 2 go from a distance of {before:.3g} to "
                f"{run.distance():.3g}; is the sign right?"
            )


def it_updates_in_place(subject: Subject) -> None:
    """The parameters are updated in place, and the states have their type."""
    for spec in _made(subject):
        for dtype in ("float32", "float64"):
            run = Run(spec.create(), dtype)  # type: ignore[arg-type]
            before = run.params.copy()
            run.steps(2)
            if np.array_equal(run.params, before):
                raise LawBroken("update leaves params as they are; write into it: params -= ...")
            if any(state.value.dtype != dtype for _, state in run.states):
                raise LawBroken(f"a state is not {dtype} like the parameters")


def every_parameter_counts_alone(subject: Subject) -> None:
    """Each parameter is updated alone: two vectors give the same updates as one that holds both."""
    for spec in _made(subject):
        whole = Run(spec.create()).steps(5)  # type: ignore[arg-type]
        front = Run(spec.create(), size=SIZE // 2).steps(5)  # type: ignore[arg-type]
        if not np.allclose(whole[: SIZE // 2], front, rtol=1e-12):
            raise LawBroken("the first half of a vector is updated differently alone")


def all_that_it_remembers_is_saved(subject: Subject) -> None:
    """Another optimizer continues identically after loading the saved states."""
    for spec in _made(subject):
        run, other = Run(spec.create()), Run(spec.create())  # type: ignore[arg-type]
        run.steps(7)
        other.params[...] = run.params
        other.made = run.made
        for (_, state), (_, copy) in zip(run.states, other.states, strict=True):
            copy.value = state.value
        if not np.array_equal(run.steps(5), other.steps(5)):
            raise LawBroken(
                "saved and loaded, it continues differently; keep what it remembers between steps "
                "in a State that build declares, and use the step number that it is given"
            )


def the_learning_rate_sets_the_pace(subject: Subject) -> None:
    """A smaller learning rate makes a smaller first step."""
    for spec in _made(subject):
        lengths = []
        for rate in (1e-2, 1e-4):
            optimizer: Optimizer = spec.create()  # type: ignore[assignment]
            optimizer.learning_rate = rate
            run = Run(optimizer)
            before = run.params.copy()
            lengths.append(float(np.linalg.norm(run.steps(1) - before)))
        if not lengths[1] < lengths[0]:
            raise LawBroken(
                f"a learning rate of 0.01 moves by {lengths[0]:.3g}, one of 0.0001 by "
                f"{lengths[1]:.3g}; use self.rate(step)"
            )


LAWS = (
    it_goes_downhill,
    it_updates_in_place,
    every_parameter_counts_alone,
    all_that_it_remembers_is_saved,
    the_learning_rate_sets_the_pace,
)
