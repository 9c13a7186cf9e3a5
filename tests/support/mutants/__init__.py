"""Components with one mistake each, in one module for each module of laws."""

from mutants import (
    components,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    schedules,
)
from mutants.catalogue import MUTANTS, SOUND

__all__ = [
    "MUTANTS",
    "SOUND",
    "components",
    "datasets",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "optimizers",
    "schedules",
]
