"""Outputs and targets that are common, to try losses and metrics with."""

import numpy as np

from layerkit.contracts.dataset import Targets
from layerkit.types import Array, Shape

FITS: tuple[tuple[Shape, Targets], ...] = (
    ((4,), Targets(classes=4)),
    ((2, 3), Targets((2,), classes=3)),
    ((4,), Targets((4,))),
    ((1,), Targets(classes=2)),
    ((1,), Targets()),
    ((), Targets()),
    ((3, 2), Targets((3, 2))),
)
"""The shape of an output, and what the targets are."""


def random_batch(
    shape: Shape, targets: Targets, batch: int, dtype: str, seed: int = 0
) -> tuple[Array, Array]:
    """Return random outputs, and targets for them: labels, or numbers from 0 to 1.

    Several numbers add up to 1, as the probabilities of classes do.
    """
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(batch, *shape)).astype(dtype)
    if targets.classes is not None:
        return y, rng.integers(0, targets.classes, (batch, *targets.shape))
    t = rng.random((batch, *targets.shape))
    if targets.shape:
        t /= t.sum(axis=-1, keepdims=True)
    return y, t.astype(dtype)


def other_layouts(t: Array, shape: Shape) -> list[Array]:
    """Return targets as many as those of a batch, whose axes stand in another order."""
    if t.ndim > 1:
        return [t.swapaxes(0, 1)]
    # A row for a column; labels in two rows where there is a vector of outputs for each.
    return [t.reshape(1, -1), *([t.reshape(2, -1)] if shape else [])]
