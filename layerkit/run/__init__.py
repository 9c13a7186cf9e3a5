"""A run, from a spec to a folder of results."""

from layerkit.run.checking import check_gradients, check_graph
from layerkit.run.data import large_batch, load_data
from layerkit.run.folder import RunFolder
from layerkit.run.graph import GraphNode, run_graph
from layerkit.run.interrupting import Interruptible
from layerkit.run.locks import compare, lock_of, remember
from layerkit.run.model import load_model
from layerkit.run.provenance import Provenance, provenance
from layerkit.run.training import run_training
from layerkit.run.verdicts import GradientCheck
from layerkit.run.watching import Watcher, plugin_watchers
from layerkit.training import Result

__all__ = [
    "GradientCheck",
    "GraphNode",
    "Interruptible",
    "Provenance",
    "Result",
    "RunFolder",
    "Watcher",
    "check_gradients",
    "check_graph",
    "compare",
    "large_batch",
    "load_data",
    "load_model",
    "lock_of",
    "plugin_watchers",
    "provenance",
    "remember",
    "run_graph",
    "run_training",
]
