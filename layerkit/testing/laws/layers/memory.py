"""Laws of layers about memory: who owns an array, and who may write into it."""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from layerkit.contracts.variable import State
from layerkit.testing.laws.layers.passes import as_tuple, close, upstream
from layerkit.testing.laws.layers.uses import Use, each_use
from layerkit.testing.subject import LawBroken
from layerkit.types import Array


@each_use
def inputs_are_left_alone(use: Use) -> None:
    """Neither ``x`` nor ``dout`` is modified, and both may be read-only."""
    for training in (True, False):
        passes, xs = use.passes(training=training), use.inputs()
        for x in xs:
            x.flags.writeable = False
        with _refuse_writing("forward", "x"):
            y = passes.layer.forward(*xs)
        dout = upstream(y)
        dout.flags.writeable = False
        with _refuse_writing("backward", "dout or x"):
            passes.layer.backward(dout)


@contextmanager
def _refuse_writing(method: str, what: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        raise LawBroken(f"{method} writes into {what}; write into self.scratch(...)") from error


@each_use
def arrays_with_gaps_give_the_same(use: Use) -> None:
    """Inputs and gradients need not be contiguous."""
    passes, xs = use.passes(), use.inputs()
    y = passes.forward(xs)
    dout = upstream(y)
    expected = [y, *passes.backward(dout), *passes.grads().values()]
    for name, spaced in (("every second number", _with_gaps), ("Fortran order", np.asfortranarray)):
        passes.restart()
        y = np.array(passes.layer.forward(*map(spaced, xs)))
        passes.fill_grads(0)
        dxs = passes.gradients(passes.layer.backward(spaced(dout)))
        got = [y, *dxs, *passes.grads().values()]
        if not all(map(close, map(np.asarray, got), expected)):
            raise LawBroken(
                f"arrays that lie otherwise in memory ({name}) give other numbers; go by their "
                "axes, not by their memory"
            )


def _with_gaps(x: Array) -> Array:
    apart: Array = np.repeat(x[..., np.newaxis], 2, axis=-1)[..., 0]
    return apart


@each_use
def results_share_no_memory_with_what_came_in(use: Use) -> None:
    """Outputs and gradients are the layer's own arrays, unless ``gives_views`` is set.

    They are never the arrays of a parameter or a state.
    """
    for training in (True, False):
        passes, xs = use.passes(training=training), use.inputs()
        y = passes.layer.forward(*xs)
        dout = upstream(y)
        dxs = passes.layer.backward(dout)
        results = [
            ("the output", y),
            *(("the gradient with respect to x", dx) for dx in as_tuple(dxs)),
        ]
        came_in = [*(("x", x) for x in xs), ("dout", dout)]
        own = [(n, v.value) for n, v in (passes.parameters | passes.states).items()]
        for (what, result), (name, array) in itertools.product(results, came_in):
            if np.shares_memory(result, array) and not use.cls.gives_views:
                raise LawBroken(
                    f"{what} shares memory with {name}; return a new array or a scratch array, "
                    "or say so: gives_views = True"
                )
        for (what, result), (name, array) in itertools.product(results, own):
            if np.shares_memory(result, array):
                raise LawBroken(f"{what} shares memory with {name}; return a copy")


@each_use
def passes_leave_values_alone(use: Use) -> None:
    """No pass changes a parameter, and ``backward`` changes neither a state nor the output."""
    passes, xs = use.passes(), use.inputs()
    parameters = {name: p.value.copy() for name, p in passes.parameters.items()}
    y = passes.layer.forward(*xs)
    states, output = {n: s.value.copy() for n, s in passes.states.items()}, y.copy()
    _refuse_changed("forward", passes.parameters, parameters)
    passes.layer.backward(upstream(y))
    _refuse_changed("backward", passes.parameters | passes.states, parameters | states)
    if not np.array_equal(y, output):
        raise LawBroken(
            "backward changes the output that forward returned, which is valid until the next "
            "forward; work in a scratch array of another name"
        )


def _refuse_changed(method: str, variables: Mapping[str, State], before: dict[str, Array]) -> None:
    for name, variable in variables.items():
        if not np.array_equal(variable.value, before[name]):
            raise LawBroken(
                f"{method} changes {name}; only an optimizer changes a parameter, and only forward "
                "a state"
            )


@each_use
def earlier_passes_leave_no_trace(use: Use) -> None:
    """The results of a pass do not depend on earlier batches."""
    fresh = use.passes()
    used = use.twin(fresh)
    for batch in (2, 9):
        y = used.forward(use.inputs(batch, seed=6))
        used.backward(upstream(y))
    xs = use.inputs()
    y = fresh.forward(xs)
    dout = upstream(y)
    expected = [y, *fresh.backward(dout), *fresh.grads().values()]
    got = [used.forward(xs), *used.backward(dout), *used.grads().values()]
    if not all(map(close, got, expected)):
        raise LawBroken(
            "the numbers depend on the batches that went through before; a scratch array keeps "
            "its contents, and an attribute too"
        )


@each_use
def layers_do_not_share(use: Use) -> None:
    """Passes through one layer make no difference to another of the same class."""
    one, other = use.passes(), use.passes()
    xs = use.inputs()
    y = one.forward(xs)
    dout = upstream(y)
    expected = [y, *one.backward(dout), *one.grads().values()]
    one.restart()
    kept = one.layer.forward(*xs)
    other.forward(use.inputs(seed=7))
    got = [kept.copy(), *one.backward(dout), *one.grads().values()]
    wrong = not all(map(close, got, expected))
    one.forward(xs)
    raw = as_tuple(other.layer.backward(upstream(other.forward(xs), seed=8)))[0]
    if raw.shape == y.shape:  # what one returns, the other is given
        fresh = use.twin(one)
        fresh.forward(xs)
        expected = fresh.backward(raw.copy())
        got = list(one.gradients(one.layer.backward(raw)))
        wrong = wrong or not all(map(close, got, expected))
    if wrong:
        raise LawBroken(
            "what goes through another layer of this class changes its numbers; keep everything "
            "in self, nothing in the class or the module"
        )
