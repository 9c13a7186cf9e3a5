"""Running a graph: the value of every node, and the derivative with respect to it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from layerkit.builder import build_graph
from layerkit.contracts.variable import Parameter
from layerkit.errors import NonFiniteError
from layerkit.spec import GraphSpec, Spec
from layerkit.types import Array


@dataclass(frozen=True)
class GraphNode:
    """One row of a graph's table.

    Attributes:
        name: The name of the input, layer or parameter.
        type: The type of the layer; ``input``, ``parameter`` or ``state`` for the others.
        value: Its value.
        derivative: The derivative of the output (the sum of its elements) with respect to it; None
            for a state.
    """

    name: str
    type: str
    value: Any
    derivative: Any


def run_graph(spec: Spec) -> list[GraphNode]:
    """Run a graph forward and backward, and return its nodes in order.

    Args:
        spec: A graph spec.

    Raises:
        SpecError: A layer does not fit its inputs.
        NonFiniteError: A value is NaN or infinite; the message says where it arose.
    """
    content = spec.content
    assert isinstance(content, GraphSpec)
    network, batches = build_graph(spec)
    network.initialize(np.random.SeedSequence(content.seed))
    network.needs_input_grads(True)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        output = network.forward(*batches)
        derivatives = network.backward(np.ones_like(output))
    values = network.values
    if where := network.first_non_finite():
        raise NonFiniteError(f"a value is not finite; the first arose in {where}")
    # If no input is an array, layerkit has added a batch axis of one: remove it again.
    is_plain = all(value.ndim == 0 for value in content.inputs.values())

    def shown(array: Array | None, like: Array) -> Any:
        array = np.zeros_like(like) if array is None else array
        return (array[0] if is_plain else array).tolist()

    rows = [
        GraphNode(name, "input", shown(values[i], values[i]), shown(derivatives[i], values[i]))
        for i, name in enumerate(content.inputs)
    ]
    for i, node in enumerate(network.nodes, start=len(rows)):
        for name, variable in node.layer.variables():
            trained = isinstance(variable, Parameter)
            derivative = variable.grad.tolist() if isinstance(variable, Parameter) else None
            kind = "parameter" if trained else "state"
            rows.append(GraphNode(f"{node.name}.{name}", kind, variable.value.tolist(), derivative))
        value, derivative = shown(values[i], values[i]), shown(derivatives[i], values[i])
        rows.append(GraphNode(node.name, node.type, value, derivative))
    return rows
