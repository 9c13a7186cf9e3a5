"""Back-propagation against numerical differentiation, as the chapter checks its network."""

import numpy as np

from layerkit.builder import Experiment, build_graph
from layerkit.comparison import EPSILON
from layerkit.contracts.dataset import Data
from layerkit.errors import NonFiniteError
from layerkit.run.data import about_data
from layerkit.run.verdicts import Claim, GradientCheck, Watch, judge
from layerkit.spec import GraphSpec, Spec
from layerkit.training.data_checks import check_data
from layerkit.training.sampling import Gather
from layerkit.types import Array

EXAMPLES = 3
"""The number of examples for the check; the chapter takes three."""


def check_gradients(
    experiment: Experiment, data: Data, watch: Watch | None = None
) -> list[GradientCheck]:
    """Check the gradients of a network and of its loss, on the first training examples.

    The gradient of the loss with respect to the output is compared with differences of the loss.
    The gradient with respect to a parameter is compared with differences of the output, each times
    its factor ``dout`` in that gradient. Differences of the loss itself would be less accurate: it
    may be 2.3 while a parameter changes it by 1e-12.

    Args:
        experiment: Built in float64; the rounding of float32 would hide the differences.
        data: The loaded data.
        watch: Called with the progress.

    Raises:
        SpecError: The loss or a metric cannot take the targets, or the type of the spec cannot
            hold the numbers.
        NonFiniteError: The output or the loss is NaN or infinite.
    """
    network = experiment.network
    with about_data(experiment):
        check_data(network, data, experiment.metrics.values(), experiment.dtype)
    loss = network.loss_function
    assert loss is not None
    with about_data(experiment):
        loss.fit(network.output_shape, data.train.t)
    if not network.is_initialized:
        network.initialize(experiment.spec.content.seed)
    weights = data.train.weights
    rows = np.arange(len(data.train)) if weights is None else np.flatnonzero(weights)
    x, t, weights = Gather(data.train, network.dtype)(rows[:EXAMPLES])
    x = np.array(x, order="C")

    def backpropagate() -> tuple[Array, Array, float]:
        y = np.array(network.forward(x, training=True), order="C")
        value = network.loss_of(y, t, weights)
        dout = np.array(loss.backward())
        network.backward(dout.copy())  # a layer may work in place, as the book's relu does
        return y, dout, value

    def terms() -> Array:
        changes: Array = (network.forward(x, training=True) - y) * dout
        return changes

    repeated = network.repeatable(terms)
    outputs = network.repeatable(lambda: np.array(network.forward(x, training=True)))
    with np.errstate(all="ignore"):
        # Twice, because a layer that adds to its gradients is right the first time.
        network.repeatable(backpropagate)()
        y, dout, value = network.repeatable(backpropagate)()
    if not np.isfinite(value):
        where = network.first_non_finite() or "the loss itself"
        raise NonFiniteError(
            f"the loss is {value} at the initial values of the parameters; the first value that is "
            f"not finite arose in {where}"
        )
    output, floor = y.copy(), EPSILON * float(np.abs(y * dout).sum())
    claims = [
        Claim(name, p.value, p.grad.copy(), repeated, outputs, [network.params, x], floor)
        for name, p in network.parameters.items()
    ]

    def loss_of_output() -> Array:
        return np.array([network.loss_of(output, t, weights)])

    claims.append(
        Claim(
            "output",
            output,
            dout,
            loss_of_output,
            loss_of_output,
            [output],
            EPSILON * abs(value),
        )
    )
    return judge(claims, watch)


def check_graph(spec: Spec, watch: Watch | None = None) -> list[GradientCheck]:
    """Check the derivative of a graph's output with respect to every input and parameter.

    Args:
        spec: A graph spec.
        watch: Called with the progress.
    """
    content = spec.content
    assert isinstance(content, GraphSpec)
    network, batches = build_graph(spec)
    network.initialize(np.random.SeedSequence(content.seed))
    network.needs_input_grads(True)
    batches = [np.array(x, np.float64, order="C") for x in batches]

    def backpropagate() -> tuple[Array, list[Array]]:
        y = np.array(network.forward(*batches))
        douts = network.backward(np.ones_like(y))[: len(batches)]
        return y, [
            np.zeros_like(x) if dx is None else dx.copy()
            for x, dx in zip(batches, douts, strict=True)
        ]

    def changes() -> Array:
        change: Array = network.forward(*batches) - y
        return change

    terms = network.repeatable(changes)
    outputs = network.repeatable(lambda: np.array(network.forward(*batches)))
    with np.errstate(all="ignore"):
        network.repeatable(backpropagate)()
        y, by_inputs = network.repeatable(backpropagate)()
    floor = EPSILON * float(np.abs(y).sum())
    arrays = {name: (x, dx) for name, x, dx in zip(content.inputs, batches, by_inputs, strict=True)}
    arrays |= {name: (p.value, p.grad.copy()) for name, p in network.parameters.items()}
    depends_on = [network.params, *batches]
    return judge(
        [Claim(name, x, dx, terms, outputs, depends_on, floor) for name, (x, dx) in arrays.items()],
        watch,
    )
