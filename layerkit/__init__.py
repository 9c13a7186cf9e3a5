"""Declare a network in JSON, train it with NumPy, and let any package add layers.

Authors of plugins import everything from here. Each name is loaded when it is first used, so that
``layerkit --help`` needs no NumPy, and a layer no pydantic.
"""

from importlib import import_module

TYPE_CHECKING = False  # type checkers know the name; typing takes the command a while to import
if TYPE_CHECKING:
    import typing

    from pydantic import Field

    from layerkit.arrayfiles import NpyHeader, NpzFile, read_npy_header
    from layerkit.arrays import DType
    from layerkit.builder import build
    from layerkit.builtin.functions import sigmoid, softmax
    from layerkit.builtin.initializers import He, Normal, Uniform, Xavier, Zeros
    from layerkit.component import Component, Example
    from layerkit.dataset import Data, Dataset, Form, Split, Targets, check_memory
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
    from layerkit.files import open_file
    from layerkit.gradients import numerical_gradient
    from layerkit.hookspecs import hookimpl
    from layerkit.initializer import Initializer
    from layerkit.layer import Layer
    from layerkit.loss import Loss
    from layerkit.metric import MeanMetric, Metric
    from layerkit.network import Network, Node
    from layerkit.optimizer import Optimizer
    from layerkit.plugins import load_registry
    from layerkit.registry import Registrar, Registry
    from layerkit.run import Result, load_model
    from layerkit.schedule import Schedule
    from layerkit.sharing import matmul, share
    from layerkit.spec import load_spec
    from layerkit.targets import (
        as_labels,
        as_outputs,
        check_distributions,
        check_finite,
        check_probabilities,
    )
    from layerkit.threads import allowed_threads, limit_blas_threads
    from layerkit.training import Batches, Evaluation, Step, Trainer
    from layerkit.types import (
        Array,
        Fraction,
        Meaning,
        NonNegativeFloat,
        NonNegativeInt,
        PositiveFloat,
        PositiveInt,
        Rng,
        Shape,
    )
    from layerkit.variable import Parameter, State

__version__ = "0.1.0"

# What stands above for type checkers, for __getattr__.
_NAMES = {
    "layerkit.arrayfiles": "NpyHeader NpzFile read_npy_header",
    "layerkit.arrays": "DType",
    "layerkit.builder": "build",
    "layerkit.builtin.functions": "sigmoid softmax",
    "layerkit.builtin.initializers": "He Normal Uniform Xavier Zeros",
    "layerkit.component": "Component Example",
    "layerkit.dataset": "Data Dataset Form Split Targets check_memory",
    "layerkit.errors": "DataError GradientError LayerkitError NonFiniteError PluginError RunError "
    "ShapeError SpecError UserError",
    "layerkit.files": "open_file",
    "layerkit.gradients": "numerical_gradient",
    "layerkit.hookspecs": "hookimpl",
    "layerkit.initializer": "Initializer",
    "layerkit.layer": "Layer",
    "layerkit.loss": "Loss",
    "layerkit.metric": "MeanMetric Metric",
    "layerkit.network": "Network Node",
    "layerkit.optimizer": "Optimizer",
    "layerkit.plugins": "load_registry",
    "layerkit.registry": "Registrar Registry",
    "layerkit.run": "Result load_model",
    "layerkit.schedule": "Schedule",
    "layerkit.sharing": "matmul share",
    "layerkit.spec": "load_spec",
    "layerkit.targets": "as_labels as_outputs check_distributions check_finite check_probabilities",
    "layerkit.threads": "allowed_threads limit_blas_threads",
    "layerkit.training": "Batches Evaluation Step Trainer",
    "layerkit.types": "Array Fraction Meaning NonNegativeFloat NonNegativeInt PositiveFloat "
    "PositiveInt Rng Shape",
    "layerkit.variable": "Parameter State",
    "pydantic": "Field",
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}

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
    "Meaning",
    "Metric",
    "Network",
    "Node",
    "NonFiniteError",
    "NonNegativeFloat",
    "NonNegativeInt",
    "Normal",
    "NpyHeader",
    "NpzFile",
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
    "as_labels",
    "as_outputs",
    "build",
    "check_distributions",
    "check_finite",
    "check_memory",
    "check_probabilities",
    "hookimpl",
    "limit_blas_threads",
    "load_model",
    "load_registry",
    "load_spec",
    "matmul",
    "numerical_gradient",
    "open_file",
    "read_npy_header",
    "share",
    "sigmoid",
    "softmax",
]


def __getattr__(name: str) -> "typing.Any":
    if f"{__name__}.{name}" in _NAMES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    package, _, _ = _HOMES[name].rpartition(".")
    if package:
        # First, as a thread that has a module's lock and waits for its package's can wait for ever.
        import_module(package)
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
