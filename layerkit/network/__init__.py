"""The network: layers at their places, run both ways."""

from layerkit.network.network import Network
from layerkit.network.node import Node

__all__ = ["Network", "Node"]
