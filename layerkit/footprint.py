"""An estimate of the memory of a training or a graph, and whether that much is free."""

import math
from typing import Any

import numpy as np

from layerkit.contracts.optimizer import Optimizer
from layerkit.contracts.ownership import variables
from layerkit.errors import Problem
from layerkit.memory import available_memory
from layerkit.network import Network
from layerkit.wording import amount

ALWAYS_FREE = 2**25
"""The bytes that are assumed to be free: about as many as importing NumPy takes. Asking the system
takes longer than training a small network."""

GRAPH_BYTES = 2 * (8 + 32)
"""The bytes for a number of a graph: its value and its derivative, each as a float64 and, for the
printed table, as a Python number in a list."""


def bytes_of_training(
    network: Network, optimizer: Optimizer, dtype: np.dtype[Any], batch: int, most: int
) -> int:
    """Return how many bytes training takes, without the data.

    They hold the layers, the optimizer, the best parameters so far, and the arrays of a step and an
    evaluation. Arrays that a layer keeps besides its output count if the layer declares them.

    Args:
        network: The network.
        optimizer: The optimizer, with its states declared.
        dtype: The type of the numbers.
        batch: The number of examples in a step.
        most: The number of examples in the larger part.
    """
    # Layers use the same arrays in a step and in an evaluation, whose batches are larger.
    rows = max(batch, min(network.rows_at_once, most))
    values = sum(math.prod(shape) for shape in network.shapes)
    kept = values + sum(layer.scratch_size for n in network.nodes for layer in n.layer.walk())
    states = sum(v.size for _, v in variables(optimizer))
    states += sum(v.size for v in network.variables.values())
    # Every parameter also has a gradient, the best value so far and, while a better one is
    # copied, that copy. Backward works with about as many numbers as forward keeps.
    numbers = states + 3 * network.parameter_count + (rows + batch) * kept
    return numbers * dtype.itemsize


def training_problem(network: Network, needed: int, batch: int) -> Problem | None:
    """Return a problem of the largest layer of a spec if training takes too much memory.

    Args:
        network: The network.
        needed: How many bytes training takes.
        batch: The number of examples in a step.
    """
    advice = "make it or the batch smaller"
    return _problem("training", network, needed, batch, " for each example", advice)


def graph_problem(network: Network, batch: int) -> Problem | None:
    """Return a problem of the largest layer of a graph if a run takes too much memory.

    Args:
        network: The network of the graph.
        batch: The number of examples in the batch of each input.
    """
    shapes = network.shapes[network.input_count :]
    numbers = batch * sum(math.prod(shape) for shape in shapes)
    numbers += sum(variable.size for variable in network.variables.values())
    needed = GRAPH_BYTES * numbers
    return _problem("running the graph", network, needed, batch, "", "make it smaller")


def _problem(
    activity: str, network: Network, needed: int, batch: int, for_one: str, advice: str
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
        f"{activity} takes {amount(needed)} of memory, and {amount(available)} are free",
        hint=f"{network.nodes[largest]} alone has {sizes[largest]:,} parameters and "
        f"{outputs[largest]:,} outputs{examples}; {advice}",
    )
