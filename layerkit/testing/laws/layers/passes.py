"""Passes through a layer from the same starting point, and the comparison of their results."""

from typing import Any

import numpy as np

from layerkit.contracts.layer import Layer
from layerkit.contracts.variable import Parameter
from layerkit.testing.subject import LawBroken
from layerkit.types import Array


class Passes:
    """Passes through one layer, each from the same starting point.

    Every ``forward`` sees the same states and draws the same random numbers as the first one.
    Inputs and results are copies, so that the layer may overwrite its arrays.
    """

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        variables = layer.variables()
        self.parameters = {name: v for name, v in variables if isinstance(v, Parameter)}
        self.states = {name: v for name, v in variables if not isinstance(v, Parameter)}
        self.first = {name: v.value.copy() for name, v in self.states.items()}
        self._drawn = layer.rng.bit_generator.state
        self._training: bool | None = None

    def restart(self) -> None:
        """Restore the states and the random generator."""
        for name, state in self.states.items():
            state.value = self.first[name]
        self.layer.rng.bit_generator.state = self._drawn

    def forward(self, xs: list[Array], training: bool | None = None) -> Array:
        """Return the output."""
        self.restart()
        self._inputs = len(xs)
        # Handing it down searches the layer for others, which takes longer than most passes.
        if training is not None and not (self._training is self.layer.training is training):
            self.layer.hand_down(training=training)
            self._training = training
        return np.array(self.layer.forward(*(x.copy() for x in xs)))

    def backward(self, dout: Array) -> list[Array]:
        """Return the gradients with respect to the inputs; parameter gradients begin at 0."""
        self.fill_grads(0)
        return [np.array(dx) for dx in self.gradients(self.layer.backward(dout.copy()))]

    def gradients(self, dxs: Any) -> tuple[Array, ...]:
        """Return what ``backward`` returned as one gradient for each input."""
        input_gradients = as_tuple(dxs)[: self._inputs]
        for dx in input_gradients:
            if not isinstance(dx, np.ndarray):
                raise LawBroken(
                    "backward must return an array, or a tuple of one for each input, got "
                    f"{'None' if dx is None else f'a {type(dx).__name__}'}"
                )
        return input_gradients

    def everything(self, xs: list[Array]) -> dict[str, Array]:
        """Return the output and all gradients, by their names in messages."""
        y = self.forward(xs)
        dxs = self.backward(upstream(y))
        inputs = {
            f"the gradient with respect to {n}": dx
            for n, dx in zip(input_names(xs), dxs, strict=False)
        }
        grads = {
            f"the gradient with respect to {name}": grad for name, grad in self.grads().items()
        }
        return {"the output": y, **inputs, **grads}

    def grads(self) -> dict[str, Array]:
        """Return the gradients with respect to the parameters."""
        return {name: p.grad.copy() for name, p in self.parameters.items()}

    def fill_grads(self, number: float) -> None:
        """Fill the gradients with respect to the parameters with a number."""
        for parameter in self.parameters.values():
            parameter.grad = number


def upstream(y: Array, seed: int = 2) -> Array:
    """Return a random gradient with respect to an output."""
    return np.random.default_rng(seed).normal(size=y.shape).astype(y.dtype)


def close(a: Array, b: Array, tolerance: float = 1e-10) -> bool:
    """Return whether two arrays agree, up to a fraction of the largest number in ``b``."""
    size = max(1.0, float(np.max(np.abs(b), initial=0.0)))
    return a.shape == b.shape and bool(np.all(np.abs(a - b) <= tolerance * size))


def as_tuple(dxs: Any) -> tuple[Array, ...]:
    """Return what ``backward`` returned as a tuple, one array or none for each input."""
    return dxs if isinstance(dxs, tuple) else (dxs,)


def input_names(xs: list[Array]) -> list[str]:
    """Return the name of each input in messages."""
    return ["x"] if len(xs) == 1 else [f"input {i}" for i in range(len(xs))]
