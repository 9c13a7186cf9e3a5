"""What a plugin registers: named components, each checked against the contract of its kind."""

import re
from dataclasses import dataclass
from inspect import Parameter, isclass
from typing import Any

from layerkit.contracts.component import Component, option_parameters
from layerkit.contracts.dataset import Dataset
from layerkit.contracts.initializer import Initializer
from layerkit.contracts.layer import Layer
from layerkit.contracts.loss import Loss
from layerkit.contracts.metric import Metric
from layerkit.contracts.optimizer import Optimizer
from layerkit.contracts.schedule import Schedule
from layerkit.errors import PluginError

KINDS: dict[str, type[Component]] = {
    kind.kind: kind for kind in (Layer, Loss, Optimizer, Schedule, Initializer, Dataset, Metric)
}

RESERVED_OPTIONS = {"type", "name", "inputs"}
"""Keys of a component in a spec that are not options."""


@dataclass(frozen=True)
class Provider:
    """The package that provides a component.

    Attributes:
        distribution: The name of the installed package as PEP 503 normalises it, as in
            ``layerkit-foo``.
        version: Its version.
        module: The target of the entry point: a module, or an object in one.
    """

    distribution: str
    version: str
    module: str


@dataclass(frozen=True)
class Entry:
    """One registered component."""

    kind: str
    name: str
    cls: type[Component]
    provider: Provider

    @property
    def qualified_name(self) -> str:
        """The name that is never contested: ``"layerkit-foo/swish"``."""
        return f"{self.provider.distribution}/{self.name}"


class Registrar:
    """The argument of a plugin's ``layerkit_register``: one method for each kind of component.

    Raises:
        PluginError: By each method, if a name or a class breaks the contract.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self.entries: list[Entry] = []

    def layer(self, name: str, cls: type[Layer]) -> None:
        """Register a layer."""
        self._add(Layer, name, cls)

    def loss(self, name: str, cls: type[Loss]) -> None:
        """Register a loss."""
        self._add(Loss, name, cls)

    def optimizer(self, name: str, cls: type[Optimizer]) -> None:
        """Register an optimizer."""
        self._add(Optimizer, name, cls)

    def schedule(self, name: str, cls: type[Schedule]) -> None:
        """Register a learning-rate schedule."""
        self._add(Schedule, name, cls)

    def initializer(self, name: str, cls: type[Initializer]) -> None:
        """Register an initializer."""
        self._add(Initializer, name, cls)

    def dataset(self, name: str, cls: type[Dataset]) -> None:
        """Register a data set."""
        self._add(Dataset, name, cls)

    def metric(self, name: str, cls: type[Metric]) -> None:
        """Register a metric."""
        self._add(Metric, name, cls)

    def _add(self, kind: type[Component], name: Any, cls: Any) -> None:
        if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise PluginError(
                f"{kind.kind} name {name!r} must be lower-case letters, digits and underscores"
            )
        if any((e.kind, e.name) == (kind.kind, name) for e in self.entries):
            raise PluginError(f'{kind.kind} "{name}" is registered twice')
        _check_class(kind, name, cls)
        self.entries.append(Entry(kind.kind, name, cls, self._provider))


def _check_class(kind: type[Component], name: str, cls: Any) -> None:
    """Refuse a class that no spec could instantiate."""
    label = f'{kind.kind} "{name}"'
    if not isclass(cls):
        raise PluginError(f"{label} must be a class, got {cls!r}")
    if not issubclass(cls, kind):
        raise PluginError(f"{label}: {cls.__name__} must be a subclass of {kind.__name__}")
    missing = sorted(cls.__abstractmethods__)
    if missing:
        raise PluginError(f"{label}: {cls.__name__} lacks {' and '.join(missing)}")
    for option, parameter in option_parameters(cls).items():
        if option in RESERVED_OPTIONS:
            raise PluginError(f'{label}: an option cannot be called "{option}"; specs use that key')
        if parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
            starred = str(parameter).partition(":")[0]
            raise PluginError(f"{label}: options must be named one by one, got {starred}")
        if parameter.annotation is Parameter.empty:
            raise PluginError(f"{label}: option {option} needs a type annotation")
