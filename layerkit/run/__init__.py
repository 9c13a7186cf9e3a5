"""A run, from a spec to a folder of results."""

from layerkit.run.checking import GradientCheck, check_gradients, check_graph
from layerkit.run.folder import RunFolder
from layerkit.run.graph import GraphNode, run_graph
from layerkit.run.training import Result, Watcher, load_data, run_training

__all__ = [
    "GradientCheck",
    "GraphNode",
    "Result",
    "RunFolder",
    "Watcher",
    "check_gradients",
    "check_graph",
    "load_data",
    "run_graph",
    "run_training",
]
