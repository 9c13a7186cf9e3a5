"""Declare a network in JSON, train it with NumPy, and let any package add layers.

Authors of plugins import everything from here. What needs pydantic, and the built-ins, are loaded
when they are first used, so that ``import layerkit`` stays light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from layerkit.arrays import DType
from layerkit.component import Component, Example
from layerkit.dataset import Data, Dataset, Form, Split, Targets
from layerkit.errors import (
    DataError,
    GradientError,
    LayerkitError,
    NonFiniteError,
    PluginError,
    RunError,
    ShapeError,
    SpecError,
    UserError,
)
from layerkit.gradients import numerical_gradient
from layerkit.hookspecs import hookimpl
from layerkit.initializer import Initializer
from layerkit.layer import Layer
from layerkit.loss import Loss
from layerkit.metric import MeanMetric, Metric
from layerkit.network import Network, Node
from layerkit.optimizer import Optimizer
from layerkit.registry import Registrar, Registry
from layerkit.schedule import Schedule
from layerkit.types import (
    Array,
    Fraction,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Rng,
    Shape,
)
from layerkit.variable import Parameter, State

if TYPE_CHECKING:
    from pydantic import Field

    from layerkit.builder import build
    from layerkit.builtin.functions import sigmoid, softmax
    from layerkit.builtin.initializers import He, Normal, Uniform, Xavier, Zeros
    from layerkit.plugins import load_registry
    from layerkit.run import Result, load_model
    from layerkit.spec import load_spec
    from layerkit.threads import allowed_threads, limit_blas_threads
    from layerkit.training import Batches, Evaluation, Step, Trainer

__version__ = "0.1.0"

_LOADED_WHEN_USED = {
    "Batches": "layerkit.training",
    "Evaluation": "layerkit.training",
    "Field": "pydantic",
    "He": "layerkit.builtin.initializers",
    "Normal": "layerkit.builtin.initializers",
    "Result": "layerkit.run",
    "Step": "layerkit.training",
    "Trainer": "layerkit.training",
    "Uniform": "layerkit.builtin.initializers",
    "Xavier": "layerkit.builtin.initializers",
    "Zeros": "layerkit.builtin.initializers",
    "allowed_threads": "layerkit.threads",
    "build": "layerkit.builder",
    "limit_blas_threads": "layerkit.threads",
    "load_model": "layerkit.run",
    "load_registry": "layerkit.plugins",
    "load_spec": "layerkit.spec",
    "sigmoid": "layerkit.builtin.functions",
    "softmax": "layerkit.builtin.functions",
}

__all__ = [
    "Array",
    "Batches",
    "Component",
    "DType",
    "Data",
    "DataError",
    "Dataset",
    "Evaluation",
    "Example",
    "Field",
    "Form",
    "Fraction",
    "GradientError",
    "He",
    "Initializer",
    "Layer",
    "LayerkitError",
    "Loss",
    "MeanMetric",
    "Metric",
    "Network",
    "Node",
    "NonFiniteError",
    "NonNegativeFloat",
    "NonNegativeInt",
    "Normal",
    "Optimizer",
    "Parameter",
    "PluginError",
    "PositiveFloat",
    "PositiveInt",
    "Registrar",
    "Registry",
    "Result",
    "Rng",
    "RunError",
    "Schedule",
    "Shape",
    "ShapeError",
    "SpecError",
    "Split",
    "State",
    "Step",
    "Targets",
    "Trainer",
    "Uniform",
    "UserError",
    "Xavier",
    "Zeros",
    "allowed_threads",
    "build",
    "hookimpl",
    "limit_blas_threads",
    "load_model",
    "load_registry",
    "load_spec",
    "numerical_gradient",
    "sigmoid",
    "softmax",
]


def __getattr__(name: str) -> Any:
    if name in _LOADED_WHEN_USED:
        return getattr(import_module(_LOADED_WHEN_USED[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
