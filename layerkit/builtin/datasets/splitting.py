"""Parting examples into those to train on and those to test on."""

from typing import Annotated, TypeAlias

import numpy as np
from annotated_types import Interval

from layerkit import Array, Data, Rng, Split

TestFraction: TypeAlias = Annotated[float, Interval(gt=0, lt=1)]
"""The share of the examples that is kept for testing."""


def split(x: Array, t: Array, test_fraction: float, rng: Rng, scale: float = 1.0) -> Data:
    """Part examples at random into a training and a test part, each of at least one example.

    Examples are drawn regardless of their targets. ``x`` and ``t`` are reordered in place: the
    test examples change places with others at the end. Both parts are then views, so that the data
    is never in memory twice.

    Args:
        x: The examples, ``(count, *shape)``; at least two.
        t: Their targets, ``(count, *target_shape)``.
        test_fraction: The share to test on.
        rng: Draws the test examples.
        scale: What each batch of ``x`` is to be multiplied by.
    """
    count = len(x)
    test_count = min(max(round(count * test_fraction), 1), count - 1)
    train_count = count - test_count
    is_test = np.zeros(count, bool)
    is_test[rng.permutation(count)[:test_count]] = True
    # As many test examples stand before the end as other examples stand at the end.
    leaving = np.flatnonzero(is_test[:train_count])
    coming = train_count + np.flatnonzero(~is_test[train_count:])
    for array in (x, t):
        array[np.r_[leaving, coming]] = array[np.r_[coming, leaving]]
    return Data(
        Split(x[:train_count], t[:train_count], scale),
        Split(x[train_count:], t[train_count:], scale),
    )
