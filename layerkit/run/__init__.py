"""A run, from a spec to a folder of results."""

from layerkit.run.checking import GradientCheck, check_gradients, check_graph
from layerkit.run.data import load_data
from layerkit.run.folder import RunFolder
from layerkit.run.graph import GraphNode, run_graph
from layerkit.run.hooks import plugin_watchers
from layerkit.run.model import load_model
from layerkit.run.provenance import Provenance, compare, lock_of, provenance, remember
from layerkit.run.training import Watcher, run_training
from layerkit.training import Result

__all__ = [
    "GradientCheck",
    "GraphNode",
    "Provenance",
    "Result",
    "RunFolder",
    "Watcher",
    "check_gradients",
    "check_graph",
    "compare",
    "load_data",
    "load_model",
    "lock_of",
    "plugin_watchers",
    "provenance",
    "remember",
    "run_graph",
    "run_training",
]
