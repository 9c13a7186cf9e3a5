"""Laws of layers about training: random numbers, states that change, and saved values."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from layerkit.contracts.variable import Parameter
from layerkit.errors import LayerkitError
from layerkit.testing.laws.layers.passes import close, upstream
from layerkit.testing.laws.layers.uses import Use, each_use
from layerkit.testing.subject import LawBroken
from layerkit.types import Rng


@each_use
def the_same_seed_gives_the_same(use: Use) -> None:
    """First values and outputs follow from ``rng`` alone."""
    results = []
    xs = use.inputs()
    for seed in (1, 2):
        np.random.seed(seed)  # noqa: NPY002  a layer must not draw from this generator
        rng = np.random.default_rng(3)
        with _no_other_generator():
            layer, _ = use.initialized(rng=rng)
            values = [variable.value.copy() for _, variable in layer.variables()]
            results.append([*values, np.array(layer.forward(*(x.copy() for x in xs)))])
    if not all(map(np.array_equal, *results)):
        raise LawBroken(
            "the same seed gives other numbers; draw from self.rng, or from the rng that an "
            "initializer is given, and from nothing else"
        )


@contextmanager
def _no_other_generator() -> Iterator[None]:
    """Refuse a layer that creates a generator, as its numbers would ignore the seed of a spec."""
    make = np.random.default_rng

    def made(seed: Any = None) -> Rng:
        if isinstance(seed, np.random.Generator):
            return make(seed)
        raise LawBroken(
            "makes a random generator of its own; draw from self.rng, or from the rng that an "
            "initializer is given"
        )

    np.random.default_rng = made
    try:
        yield
    finally:
        np.random.default_rng = make


@each_use
def evaluation_changes_nothing(use: Use) -> None:
    """A pass in evaluation leaves the states and the random numbers as they are."""
    passes, xs = use.passes(training=False), use.inputs()
    before = passes.layer.rng.bit_generator.state
    y = passes.forward(xs)
    with suppress(LayerkitError):  # which is how it may refuse to go back through an evaluation
        passes.backward(upstream(y))
    for name, state in passes.states.items():
        if not np.array_equal(state.value, passes.first[name]):
            raise LawBroken(f"a pass in evaluation changes {name}; only training may")
    if passes.layer.rng.bit_generator.state != before:
        raise LawBroken("a pass in evaluation draws random numbers; only training may")


@each_use
def training_moves_its_states(use: Use) -> None:
    """A state changes in training, unless it was drawn at random."""
    layer, _ = use.initialized(rng=1)
    other, _ = use.initialized(rng=2)
    states = {n: v for n, v in layer.variables() if not isinstance(v, Parameter)}
    drawn = {n: v.value.copy() for n, v in other.variables()}
    first = {name: state.value.copy() for name, state in states.items()}
    for seed in (1, 2):
        layer.backward(upstream(layer.forward(*use.inputs(seed=seed))))
    for name, state in states.items():
        constant = np.array_equal(state.value, first[name])
        if state.size and constant and np.array_equal(drawn[name], first[name]):
            raise LawBroken(
                f"training leaves the state {name} as it was at first; move it in forward, or keep "
                "what is always the same in a plain attribute"
            )


@each_use
def all_that_it_has_learnt_is_saved(use: Use) -> None:
    """Another layer gives the same output after loading the saved parameters and states."""
    trained = use.passes()
    for seed in (1, 2, 3):
        y = trained.layer.forward(*use.inputs(seed=seed))
        trained.layer.backward(upstream(y))
    file = io.BytesIO()
    variables = trained.parameters | trained.states
    arrays: dict[str, Any] = {name: v.value for name, v in variables.items()}
    np.savez(file, **arrays)
    file.seek(0)
    loaded = use.passes(seed=9)
    with np.load(file) as saved:
        for name, variable in (loaded.parameters | loaded.states).items():
            variable.value = saved[name]
    for passes in (trained, loaded):
        passes.layer.hand_down(training=False)
    again = loaded.layer.forward(*use.inputs(seed=4))
    if not close(again, trained.layer.forward(*use.inputs(seed=4))):
        raise LawBroken(
            "saved and loaded, it gives another output; what changes in training, or is drawn at "
            "random, belongs in a Parameter or a State"
        )


@each_use
def a_step_changes_every_parameter(use: Use) -> None:
    """Every parameter has a gradient, and changing the parameters changes the output."""
    passes, xs = use.passes(), use.inputs(batch=16)
    y = passes.forward(xs)
    passes.backward(upstream(y))
    for name, parameter in passes.parameters.items():
        if parameter.size and not parameter.grad.any():
            raise LawBroken(f"the gradient of {name} is 0 everywhere, so that it never learns")
    for parameter in passes.parameters.values():
        parameter.value = parameter.value - 0.5 * parameter.grad
    if passes.parameters and close(passes.forward(xs), y):
        raise LawBroken("the output stays the same when all parameters change")
