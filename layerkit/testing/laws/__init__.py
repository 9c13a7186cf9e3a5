"""The laws of every kind of component."""

from collections.abc import Callable, Sequence
from typing import Any

from layerkit.contracts.component import Component
from layerkit.testing.laws import (
    components,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    schedules,
)

_OF_KIND = {
    "layer": layers.LAWS,
    "loss": losses.LAWS,
    "optimizer": optimizers.LAWS,
    "schedule": schedules.LAWS,
    "initializer": initializers.LAWS,
    "dataset": datasets.LAWS,
    "metric": metrics.LAWS,
}


def laws_of(component: type[Component]) -> Sequence[Callable[[Any], None]]:
    """Return the laws that a component must keep: those for every kind, then those for its own."""
    return (*components.LAWS, *_OF_KIND[component.kind])
