"""Declare a network in JSON, train it with NumPy, and let any package add layers.

Authors of plugins import everything from here. Each name is loaded on first use, so
``layerkit --help`` needs no NumPy, and a layer needs no pydantic.
"""

from collections.abc import Sequence
from importlib import import_module

from layerkit import compilers
from layerkit.version import __version__ as __version__

TYPE_CHECKING = False  # type checkers know the name; typing takes the command a while to import
if TYPE_CHECKING:
    import typing

    from pydantic import Field as Field

    from layerkit.arrayfiles import (
        NpyHeader as NpyHeader,
        NpzFile as NpzFile,
        read_npy_header as read_npy_header,
    )
    from layerkit.arrays import DType as DType
    from layerkit.builder import build as build
    from layerkit.contracts.component import Component as Component, Example as Example
    from layerkit.contracts.dataset import (
        Data as Data,
        Dataset as Dataset,
        Form as Form,
        Split as Split,
        Targets as Targets,
        check_memory as check_memory,
    )
    from layerkit.contracts.initializer import Initializer as Initializer
    from layerkit.contracts.layer import Layer as Layer
    from layerkit.contracts.loss import Loss as Loss
    from layerkit.contracts.metric import (
        MeanMetric as MeanMetric,
        Metric as Metric,
        WholeSetMetric as WholeSetMetric,
    )
    from layerkit.contracts.optimizer import Optimizer as Optimizer
    from layerkit.contracts.registrar import Registrar as Registrar
    from layerkit.contracts.schedule import Schedule as Schedule
    from layerkit.contracts.variable import Parameter as Parameter, State as State
    from layerkit.errors import (
        DataError as DataError,
        GradientError as GradientError,
        LayerkitError as LayerkitError,
        NonFiniteError as NonFiniteError,
        NotReadyError as NotReadyError,
        PluginError as PluginError,
        RunError as RunError,
        ShapeError as ShapeError,
        SpecError as SpecError,
        UserError as UserError,
    )
    from layerkit.files import open_file as open_file
    from layerkit.functions import sigmoid as sigmoid, softmax as softmax
    from layerkit.gradients import numerical_gradient as numerical_gradient
    from layerkit.initializers import (
        He as He,
        Normal as Normal,
        Uniform as Uniform,
        Xavier as Xavier,
        Zeros as Zeros,
    )
    from layerkit.markers import hookimpl as hookimpl
    from layerkit.network import Network as Network, Node as Node
    from layerkit.plugins import load_registry as load_registry
    from layerkit.registry import Registry as Registry
    from layerkit.run import Result as Result, load_model as load_model
    from layerkit.sharing import matmul as matmul, share as share
    from layerkit.spec import load_spec as load_spec
    from layerkit.targets import (
        as_labels as as_labels,
        as_outputs as as_outputs,
        check_distributions as check_distributions,
        check_finite as check_finite,
        check_probabilities as check_probabilities,
    )
    from layerkit.threads import (
        allowed_threads as allowed_threads,
        limit_blas_threads as limit_blas_threads,
    )
    from layerkit.training import (
        Batches as Batches,
        Evaluation as Evaluation,
        Step as Step,
        Trainer as Trainer,
    )
    from layerkit.types import (
        Array as Array,
        Fraction as Fraction,
        Meaning as Meaning,
        NonNegativeFloat as NonNegativeFloat,
        NonNegativeInt as NonNegativeInt,
        PositiveFloat as PositiveFloat,
        PositiveInt as PositiveInt,
        Rng as Rng,
        Shape as Shape,
    )

# What stands above for type checkers, for __getattr__; a test compares the two. lazy_loader would
# read one list from a stub, but there is no such file where layerkit is in a zip or frozen.
_NAMES = {
    "layerkit.arrayfiles": "NpyHeader NpzFile read_npy_header",
    "layerkit.arrays": "DType",
    "layerkit.builder": "build",
    "layerkit.contracts.component": "Component Example",
    "layerkit.contracts.dataset": "Data Dataset Form Split Targets check_memory",
    "layerkit.errors": "DataError GradientError LayerkitError NonFiniteError NotReadyError "
    "PluginError RunError ShapeError SpecError UserError",
    "layerkit.files": "open_file",
    "layerkit.functions": "sigmoid softmax",
    "layerkit.gradients": "numerical_gradient",
    "layerkit.contracts.initializer": "Initializer",
    "layerkit.initializers": "He Normal Uniform Xavier Zeros",
    "layerkit.contracts.layer": "Layer",
    "layerkit.contracts.loss": "Loss",
    "layerkit.markers": "hookimpl",
    "layerkit.contracts.metric": "MeanMetric Metric WholeSetMetric",
    "layerkit.network": "Network Node",
    "layerkit.contracts.optimizer": "Optimizer",
    "layerkit.plugins": "load_registry",
    "layerkit.contracts.registrar": "Registrar",
    "layerkit.registry": "Registry",
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

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> "typing.Any":
    if f"{__name__}.{name}" in _NAMES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    package, _, _ = _HOMES[name].rpartition(".")
    if package:
        # The package first: a thread that holds a module's lock and waits for its package's lock
        # can deadlock.
        import_module(package)
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def _installed_compilers() -> "Sequence[compilers.AnyCompiler]":
    from layerkit.plugins import load_registry  # only once something trains: it loads all plugins

    return load_registry().compilers


compilers.find = _installed_compilers


def __dir__() -> list[str]:
    return __all__
