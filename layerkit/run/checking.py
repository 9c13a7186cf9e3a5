"""Back-propagation against numerical differentiation, as the chapter checks its network."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from layerkit.builder import Experiment, build_graph
from layerkit.dataset import Data
from layerkit.gradients import slopes
from layerkit.spec import GraphSpec, Spec
from layerkit.training.sampling import Gather
from layerkit.types import Array

EXAMPLES = 3
"""How many examples the check looks at; the chapter takes three."""

MOST = 50_000
"""The parameters up to which every one is checked; of a larger network, a sample of each array."""

SAMPLE = 100

RELATIVE, ABSOLUTE = 1e-4, 1e-9
"""What a mean difference may be of the mean gradient, and beyond that of the loss. A right
``backward`` stays orders of magnitude below, a wrong one far above."""


@dataclass(frozen=True)
class GradientCheck:
    """How the two gradients of one array compare.

    Attributes:
        name: The name of the parameter or input.
        size: How many numbers it has.
        checked: How many of them were differentiated numerically.
        mean_difference: The mean absolute difference of the two gradients.
        mean_gradient: The mean absolute numerical gradient.
        agrees: Whether the difference is what rounding explains.
    """

    name: str
    size: int
    checked: int
    mean_difference: float
    mean_gradient: float
    agrees: bool


def check_gradients(experiment: Experiment, data: Data) -> list[GradientCheck]:
    """Check the gradient of the loss by every parameter, on the first training examples.

    Args:
        experiment: Built in float64; the rounding of float32 would hide the differences.
        data: The loaded data.
    """
    network = experiment.network
    if not network.is_initialized:
        network.initialize(experiment.spec.content.seed)
    x, t = Gather(data.train, network.dtype).slice(0, EXAMPLES)
    loss = network.repeatable(lambda: network.loss(x, t, training=True))
    gradients = network.gradient(x, t)
    everything = network.parameter_count <= MOST
    return [
        _compare(name, p.value, gradients[name], loss, None if everything else SAMPLE)
        for name, p in network.parameters.items()
    ]


def check_graph(spec: Spec) -> list[GradientCheck]:
    """Check the derivative of a graph's output by every input and parameter.

    Args:
        spec: A graph spec.
    """
    content = spec.content
    assert isinstance(content, GraphSpec)
    network, batches = build_graph(spec)
    network.initialize(np.random.SeedSequence(content.seed))
    network.needs_input_grads(True)

    def run() -> float:
        return float(network.forward(*batches).sum())

    dout = np.ones_like(network.forward(*batches))
    by_inputs = [
        np.zeros_like(x) if dx is None else dx.copy()
        for x, dx in zip(batches, network.backward(dout), strict=False)
    ]
    checks = [
        _compare(name, x, dx, run, None)
        for name, x, dx in zip(content.inputs, batches, by_inputs, strict=True)
    ]
    return checks + [
        _compare(name, p.value, p.grad.copy(), run, None) for name, p in network.parameters.items()
    ]


def _compare(
    name: str, x: Array, gradient: Array, f: Callable[[], float], sample: int | None
) -> GradientCheck:
    at = None
    if sample is not None and sample < x.size:
        at = np.random.default_rng(0).choice(x.size, sample, replace=False)
    left, right = slopes(f, x, at=at)
    numerical, bends = (left + right) / 2, np.abs(right - left) / 2
    exact = gradient.reshape(-1) if at is None else gradient.reshape(-1)[at]
    size = float(np.mean(np.abs(numerical)))
    differences = np.abs(exact - numerical)
    # At a kink, that of a relu for one, any slope between those of the two sides is right.
    kinks = bends > RELATIVE * size
    differences[kinks] = np.maximum(differences - bends, 0)[kinks]
    difference = float(np.mean(differences))
    allowed = RELATIVE * size + ABSOLUTE * max(1.0, abs(f()))
    return GradientCheck(name, x.size, len(numerical), difference, size, difference <= allowed)
