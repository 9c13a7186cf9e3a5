"""A layer in its place in a network."""

from dataclasses import dataclass

from layerkit.contracts.layer import Layer
from layerkit.contracts.variable import Parameter


@dataclass(frozen=True)
class Node:
    """A layer in its place in a network.

    Attributes:
        layer: The layer.
        inputs: The source of each of its inputs, as a position among the values of the
            network: first the network's own inputs, then the output of each layer.
        name: Its name in messages and in the names of its parameters.
        type: The name it is registered under.
    """

    layer: Layer
    inputs: tuple[int, ...]
    name: str
    type: str

    def parameters(self) -> list[Parameter]:
        """Return the parameters of the layer."""
        return [v for _, v in self.layer.variables() if isinstance(v, Parameter)]

    def __str__(self) -> str:
        return f"{self.name} ({self.type})"
