"""Declare a network in JSON, train it with NumPy, and let any package add layers.

Authors of plugins import everything from here. Each name is loaded when it is first used, so that
``layerkit --help`` needs no NumPy, and a layer no pydantic.
"""

from collections.abc import Sequence
from importlib import import_module

from layerkit import compilers
from layerkit.version import __version__ as __version__

TYPE_CHECKING = False  # type checkers know the name; typing takes the command a while to import
if TYPE_CHECKING:
    import typing

    from pydantic import Field

    from layerkit.arrayfiles import NpyHeader, NpzFile, read_npy_header
    from layerkit.arrays import DType
    from layerkit.builder import build
    from layerkit.contracts.component import Component, Example
    from layerkit.contracts.dataset import Data, Dataset, Form, Split, Targets, check_memory
    from layerkit.contracts.initializer import Initializer
    from layerkit.contracts.layer import Layer
    from layerkit.contracts.loss import Loss
    from layerkit.contracts.metric import MeanMetric, Metric
    from layerkit.contracts.optimizer import Optimizer
    from layerkit.contracts.schedule import Schedule
    from layerkit.contracts.variable import Parameter, State
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
    from layerkit.functions import sigmoid, softmax
    from layerkit.gradients import numerical_gradient
    from layerkit.initializers import He, Normal, Uniform, Xavier, Zeros
    from layerkit.markers import hookimpl
    from layerkit.network import Network, Node
    from layerkit.plugins import load_registry
    from layerkit.registry import Registrar, Registry
    from layerkit.run import Result, load_model
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

# What stands above for type checkers, for __getattr__.
_NAMES = {
    "layerkit.arrayfiles": "NpyHeader NpzFile read_npy_header",
    "layerkit.arrays": "DType",
    "layerkit.builder": "build",
    "layerkit.contracts.component": "Component Example",
    "layerkit.contracts.dataset": "Data Dataset Form Split Targets check_memory",
    "layerkit.errors": "DataError GradientError LayerkitError NonFiniteError PluginError RunError "
    "ShapeError SpecError UserError",
    "layerkit.files": "open_file",
    "layerkit.functions": "sigmoid softmax",
    "layerkit.gradients": "numerical_gradient",
    "layerkit.contracts.initializer": "Initializer",
    "layerkit.initializers": "He Normal Uniform Xavier Zeros",
    "layerkit.contracts.layer": "Layer",
    "layerkit.contracts.loss": "Loss",
    "layerkit.markers": "hookimpl",
    "layerkit.contracts.metric": "MeanMetric Metric",
    "layerkit.network": "Network Node",
    "layerkit.contracts.optimizer": "Optimizer",
    "layerkit.plugins": "load_registry",
    "layerkit.registry": "Registrar Registry",
    "layerkit.run": "Result load_model",
    "layerkit.contracts.schedule": "Schedule",
    "layerkit.sharing": "matmul share",
    "layerkit.spec": "load_spec",
    "layerkit.targets": "as_labels as_outputs check_distributions check_finite check_probabilities",
    "layerkit.threads": "allowed_threads limit_blas_threads",
    "layerkit.training": "Batches Evaluation Step Trainer",
    "layerkit.types": "Array Fraction Meaning NonNegativeFloat NonNegativeInt PositiveFloat "
    "PositiveInt Rng Shape",
    "layerkit.contracts.variable": "Parameter State",
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


def _installed_compilers() -> "Sequence[compilers.AnyCompiler]":
    from layerkit.plugins import load_registry  # only once something trains: it loads all plugins

    return load_registry().compilers


compilers.find = _installed_compilers


def __dir__() -> list[str]:
    return sorted(__all__)
