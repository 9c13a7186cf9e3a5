"""The network: layers in their places, with forward and backward passes."""

from layerkit.network.network import Network
from layerkit.network.node import Node

__all__ = ["Network", "Node"]
