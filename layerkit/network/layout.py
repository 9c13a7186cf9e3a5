"""How the layers of a network fit together: their order, and the shapes between them."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from layerkit.arguments import check_instance, shown
from layerkit.contracts.layer import Layer
from layerkit.contracts.loss import Loss
from layerkit.contracts.unheld import refuse_unheld_options
from layerkit.errors import PluginError, ShapeError, UserError
from layerkit.network.node import Node
from layerkit.types import MOST_AXES, Shape


def nodes_of(layers: Any, input_count: int) -> list[Node]:
    """Return the layers as nodes; a layer that is not in a node takes the output before it."""
    if not isinstance(layers, list | tuple) or not layers:
        raise UserError(f"layers must be a list of at least one layer, got {shown(layers)}")
    nodes = []
    for i, layer in enumerate(layers):
        check_instance(layer.layer if isinstance(layer, Node) else layer, Layer, f"layers[{i}]")
        if not isinstance(layer, Node):
            layer = Node(layer, (input_count + i - 1,), f"layers[{i}]", type(layer).__name__)
        nodes.append(layer)
    return nodes


def check_node_is_free(node: Node, slots: int) -> None:
    """Refuse a layer that already has values, and inputs that do not exist before it.

    Args:
        node: The layer in its place.
        slots: How many values exist before it.
    """
    for layer in node.layer.walk():
        if layer.is_initialized:
            which = "" if layer is node.layer else f"holds a {type(layer).__name__} that "
            raise UserError(
                f"{node} {which}already belongs to another network, or was initialised on its "
                "own; a network rebuilds its layers, and their parameters would be lost: "
                "make a new layer"
            )
    if (
        not isinstance(node.inputs, tuple)
        or not node.inputs
        or not all(isinstance(slot, int) and 0 <= slot < slots for slot in node.inputs)
    ):
        raise UserError(
            f"{node}: inputs must be a tuple of positions from 0 to {slots - 1}, of the network's "
            f"inputs and the layers before it, got {shown(node.inputs)}"
        )


def check_loss_is_free(loss: Loss, dtype: np.dtype[Any]) -> None:
    """Refuse a loss that belongs to another network, or holds one that does."""
    parts = list(loss.walk())
    for i, part in enumerate(parts):
        name = type(part).__name__
        if part.is_initialized:
            which = "" if part is loss else f"holds a {name} that "
            raise UserError(
                f"the loss ({type(loss).__name__}) {which}already belongs to another network, "
                "and keeps what its backward needs; make a new loss"
            )
        if any(part is other for other in parts[:i]):
            raise UserError(
                f"the loss ({type(loss).__name__}) holds the same {name} twice; make one for "
                "each place, because it keeps what its backward needs"
            )
    refuse_unheld_options(loss, dtype)


def source(slot: int, nodes: Sequence[Node], input_count: int, input_names: Sequence[str]) -> str:
    """Return the source of a value of a network, in words.

    Args:
        slot: Its position among the values: first the network's inputs, then the layers' outputs.
        nodes: The layers in their places.
        input_count: How many inputs the network has.
        input_names: The names of the inputs, if there are several.
    """
    if slot >= input_count:
        return str(nodes[slot - input_count])
    if input_names:
        return f'the input "{input_names[slot]}"'
    return "the input" if input_count == 1 else f"input {slot} of the network"


def built(node: Node, index: int, shapes: Sequence[Shape], sources: Sequence[str]) -> Shape:
    """Build a layer, and return the shape of its output.

    Args:
        node: The layer in its place.
        index: Its position among the layers.
        shapes: The shapes of its inputs.
        sources: The source of each input, in words.
    """
    try:
        node.layer.check_input_count(len(shapes))
        shape: Any = node.layer.build(*shapes)
    except ShapeError as error:
        origins = " and ".join(
            f"{source} gives {shape}" for source, shape in zip(sources, shapes, strict=True)
        )
        raise ShapeError(
            error.expected, error.hint, layer=index, given=origins, named=str(node)
        ) from error
    if not isinstance(shape, tuple) or not all(isinstance(n, int) and n >= 0 for n in shape):
        raise PluginError(f"{node}: build must return a shape, a tuple of ints, got {shape!r}")
    if len(shape) >= MOST_AXES:
        axes = f"{len(shape) + 1} axes, that of the batch included"
        limit = f"take at most {MOST_AXES}"
        raise ShapeError(f"gives {axes}", limit, layer=index, named=str(node))
    node.layer.input_shapes = list(shapes)
    return shape


def each_once(nodes: Sequence[Node]) -> list[Layer]:
    """Return all layers, including those inside others; refuse one that appears twice."""
    owners: dict[int, Node] = {}
    layers = []
    for node in nodes:
        for layer in node.layer.walk():
            first = owners.setdefault(id(layer), node)
            if first is not node:
                raise UserError(
                    f"{node} is, or holds, the same layer as {first}; make one for each "
                    "place, because it keeps what its backward needs"
                )
            layers.append(layer)
    return layers


def most_multiplications(nodes: Sequence[Node], shapes: Sequence[Shape]) -> int:
    """Return an upper bound on the multiplications of a product for one example in any layer.

    Every output is at most a sum over all inputs, unless a layer uses its parameters again at each
    step of a sequence.

    Args:
        nodes: The layers in their places.
        shapes: The shape of every value: the inputs of the network, then each layer's output.
    """
    most = 0
    for node, shape in zip(nodes, shapes[len(shapes) - len(nodes) :], strict=True):
        inputs = max(math.prod(shapes[i]) for i in node.inputs)
        weights = max((p.size for p in node.parameters()), default=0)
        most = max(most, inputs * math.prod(shape), weights)
    return most
