"""Parting examples into those to train on and those to test on."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, TypeAlias

import numpy as np
from annotated_types import Interval

from layerkit import Array, Data, Rng, Split

TestFraction: TypeAlias = Annotated[float, Interval(gt=0, lt=1)]
"""The share of the examples that is kept for testing."""

STRATIFY = "; set stratify to true to have each class in both parts"
"""What to do where a class is in one part only."""

MOST_NAMES = 5
"""How many classes a note names."""


def split(
    x: Array,
    t: Array,
    test_fraction: float,
    rng: Rng,
    scale: float = 1.0,
    stratify: bool = False,
) -> Data:
    """Part examples at random into a training and a test part, each of at least one example.

    ``x`` and ``t`` are reordered in place: the test examples change places with others at the end.
    Both parts are then views, so that the data is never in memory twice.

    Args:
        x: The examples, ``(count, *shape)``; at least two.
        t: Their targets, ``(count, *target_shape)``.
        test_fraction: The share to test on.
        rng: Draws the test examples.
        scale: What each batch of ``x`` is to be multiplied by.
        stratify: Whether the share holds for each of the labels ``t``, as near as whole examples
            allow, rather than for all examples together. A class of at least two examples is then
            in both parts; one of a single example is in the training part. Where all have a
            single example, they are drawn regardless of the class.
    """
    count = len(x)
    order = rng.permutation(count)
    drawn = _first_of_each_class(order, t, test_fraction) if stratify else order[:0]
    if not len(drawn):
        drawn = order[: min(max(round(count * test_fraction), 1), count - 1)]
    is_test = np.zeros(count, bool)
    is_test[drawn] = True
    train_count = count - int(is_test.sum())
    # As many test examples stand before the end as other examples stand at the end.
    leaving = np.flatnonzero(is_test[:train_count])
    coming = train_count + np.flatnonzero(~is_test[train_count:])
    for array in (x, t):
        array[np.r_[leaving, coming]] = array[np.r_[coming, leaving]]
    return Data(
        Split(x[:train_count], t[:train_count], scale),
        Split(x[train_count:], t[train_count:], scale),
    )


def _first_of_each_class(order: Array, labels: Array, share: float) -> Array:
    """Return of each class a share of its examples, the first ones in an order."""
    by_class = order[np.argsort(labels[order], kind="stable")]
    _, starts, counts = np.unique(labels[by_class], return_index=True, return_counts=True)
    taken = np.clip(np.rint(counts * share), counts > 1, np.maximum(counts - 1, 0))
    rank = np.arange(len(order)) - np.repeat(starts, counts)
    return by_class[rank < np.repeat(taken, counts)]


def noted(data: Data, where: str, names: Sequence[Any], advice: str = "") -> Data:
    """Return data with a note about the classes that are not in both parts.

    Args:
        data: The data, of labels.
        where: The file, as a note begins.
        names: What the classes are called, by label.
        advice: What to do.
    """
    notes = []
    for part, split, consequence in (
        ("training", data.train, "cannot be learnt"),
        ("test", data.test, "is not tested"),
    ):
        is_there = np.zeros(len(names), bool)
        is_there[split.t] = True
        absent = np.flatnonzero(~is_there)
        if len(absent):
            listed = ", ".join(str(names[label]) for label in absent[:MOST_NAMES])
            if len(absent) > MOST_NAMES:
                listed += f" and {len(absent) - MOST_NAMES:,} more"
            subject = "class" if len(absent) == 1 else "classes"
            notes.append(
                f"{where}: the {part} part has no example of {subject} {listed}, "
                f"which {consequence}{advice}"
            )
    return replace(data, notes=(*data.notes, *notes))
