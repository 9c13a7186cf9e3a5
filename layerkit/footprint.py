"""How much memory a training or a graph takes, estimated, and whether there is as much."""

import math
from typing import Any

import numpy as np

from layerkit.contracts.optimizer import Optimizer
from layerkit.contracts.variable import variables
from layerkit.errors import Problem
from layerkit.memory import available_memory
from layerkit.network import Network
from layerkit.wording import amount

ALWAYS_FREE = 2**25
"""Bytes for which nobody asks whether they are free: about what importing NumPy takes. To ask takes
longer than to train a small network."""

GRAPH_BYTES = 2 * (8 + 32)
"""What a number of a graph takes: its value and its derivative, each as a float64 and, for the
table that is printed, as a number of Python in a list."""


def bytes_of_training(
    network: Network, optimizer: Optimizer, dtype: np.dtype[Any], batch: int, most: int
) -> int:
    """Return how many bytes training takes, the data aside.

    It is what layers, the optimizer and the best parameters so far hold, and what a step and an
    evaluation compute. What a layer keeps beside its output counts as far as the layer says.

    Args:
        network: The network.
        optimizer: The optimizer, with its states declared.
        dtype: The type that is computed in.
        batch: How many examples a step has.
        most: How many examples the larger part has.
    """
    # Layers work in the same arrays in a step and in an evaluation, which takes larger batches.
    rows = max(batch, min(network.rows_at_once, most))
    values = sum(math.prod(shape) for shape in network.shapes)
    kept = values + sum(layer.scratch_size for n in network.nodes for layer in n.layer.walk())
    states = sum(v.size for _, v in variables(optimizer))
    states += sum(v.size for v in network.variables.values())
    # Of every parameter there are also the gradient, the best value so far and, while a better
    # one is copied, that copy. Backward works with about as many numbers as forward keeps.
    numbers = states + 3 * network.parameter_count + (rows + batch) * kept
    return numbers * dtype.itemsize


def training_problem(network: Network, needed: int, batch: int) -> Problem | None:
    """Return that training takes too much memory, and which layer of a spec takes most, if so.

    Args:
        network: The network.
        needed: How many bytes training takes.
        batch: How many examples a step has.
    """
    advice = "make it or the batch smaller"
    return _problem("training", network, needed, batch, " for each example", advice)


def graph_problem(network: Network, batch: int) -> Problem | None:
    """Return the same of a graph, which is run once.

    Args:
        network: The network of the graph.
        batch: How many examples the batch of each input has.
    """
    shapes = network.shapes[network.input_count :]
    numbers = batch * sum(math.prod(shape) for shape in shapes)
    numbers += sum(variable.size for variable in network.variables.values())
    needed = GRAPH_BYTES * numbers
    return _problem("running the graph", network, needed, batch, "", "make it smaller")


def _problem(
    what: str, network: Network, needed: int, batch: int, for_one: str, advice: str
) -> Problem | None:
    if needed <= ALWAYS_FREE:
        return None
    available = available_memory()
    if available is None or needed <= available:
        return None
    sizes = [sum(v.size for _, v in node.layer.variables()) for node in network.nodes]
    outputs = [math.prod(shape) for shape in network.shapes[network.input_count :]]
    shares = [size + batch * output for size, output in zip(sizes, outputs, strict=True)]
    largest = shares.index(max(shares))
    examples = f" for each of {batch:,} examples" if batch > 1 else for_one
    return Problem(
        "too-much-memory",
        ("layers", largest),
        f"{what} takes {amount(needed)} of memory, and {amount(available)} are free",
        hint=f"{network.nodes[largest]} alone has {sizes[largest]:,} parameters and "
        f"{outputs[largest]:,} outputs{examples}; {advice}",
    )
