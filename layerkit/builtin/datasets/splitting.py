"""Splitting examples into a training and a test part."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, TypeAlias

import numpy as np
from annotated_types import Interval

from layerkit import Array, Data, DataError, Rng, Split

TestFraction: TypeAlias = Annotated[float, Interval(gt=0, lt=1)]
"""The share of the examples that is kept for testing."""

STRATIFY = "; set stratify to true to have each class in both parts"
"""Advice for a class that is in one part only."""

MOST_NAMES = 5
"""The most classes that a note names."""


def split(
    x: Array,
    t: Array,
    test_fraction: float,
    rng: Rng,
    scale: float = 1.0,
    stratify: bool = False,
    validation_fraction: float = 0.0,
) -> Data:
    """Split examples at random into parts, each of at least one example.

    ``x`` and ``t`` are reordered in place: the test examples swap places with others at the end.
    All parts are then views, so the data is never in memory twice. The training part without a
    validation part is the same examples as both together.

    Args:
        x: The examples, ``(count, *shape)``; at least two.
        t: Their targets, ``(count, *target_shape)``.
        test_fraction: The share to test on.
        rng: Draws the test examples.
        scale: The factor of each batch of ``x``.
        stratify: Whether the share holds for each of the labels ``t``, as closely as whole examples
            allow, rather than for all examples together. A class of at least two examples is then
            in both parts, and a class of a single example is in the training part. If all classes
            have a single example, they are drawn regardless of the class.
        validation_fraction: The share of all examples to choose by; 0 for no validation part.

    Raises:
        DataError: There are too few examples.
    """
    is_test = drawn(len(x), test_fraction, rng, t if stratify else None)
    train_count = len(x) - int(is_test.sum())
    # As many test examples are in the front section as other examples are at the end.
    leaving = np.flatnonzero(is_test[:train_count])
    coming = train_count + np.flatnonzero(~is_test[train_count:])
    for array in (x, t):
        array[np.r_[leaving, coming]] = array[np.r_[coming, leaving]]
    test = Split(x[train_count:], t[train_count:], scale)
    x, t = x[:train_count], t[:train_count]
    if not validation_fraction:
        return Data(Split(x, t, scale), test)
    if train_count < 2:
        raise DataError(f"{len(x) + len(test)} examples are too few for three parts")
    rest = split(x, t, validation_fraction * (1 + len(test) / train_count), rng, scale, stratify)
    return Data(rest.train, test, rest.test)


def check_fractions(test_fraction: float, validation_fraction: float) -> None:
    """Refuse shares that leave no examples to train on.

    Raises:
        ValueError: They do.
    """
    if test_fraction + validation_fraction >= 1:
        raise ValueError("test_fraction and validation_fraction must add up to less than 1")


def drawn(count: int, test_fraction: float, rng: Rng, labels: Array | None = None) -> Array:
    """Return which of some examples are drawn to test on, at least one and not all of them.

    Args:
        count: The number of examples.
        test_fraction: The share to test on.
        rng: Draws them.
        labels: The labels for each of which the share holds; by default, it holds for all examples
            together.
    """
    order = rng.permutation(count)
    tested = order[:0] if labels is None else _first_of_each_class(order, labels, test_fraction)
    if not len(tested):
        tested = order[: min(max(round(count * test_fraction), 1), count - 1)]
    is_test = np.zeros(count, bool)
    is_test[tested] = True
    return is_test


def drawn_groups(groups: Array, test_fraction: float, rng: Rng) -> Array:
    """Return which of some examples are drawn to test on, where each group is in one part only.

    Groups are drawn until the test part is closest to its share; each part has at least one.

    Args:
        groups: The group of each example, as an integer from 0; at least two groups.
        test_fraction: The share to test on.
        rng: Draws the groups.
    """
    present, counts = np.unique(groups, return_counts=True)
    order = rng.permutation(len(present))
    sizes = counts[order].cumsum()
    nearest = int(np.abs(sizes[:-1] - test_fraction * len(groups)).argmin())
    return np.isin(groups, present[order[: nearest + 1]])


def _first_of_each_class(order: Array, labels: Array, share: float) -> Array:
    """Return a share of the examples of each class, the first ones in an order."""
    by_class = order[np.argsort(labels[order], kind="stable")]
    _, starts, counts = np.unique(labels[by_class], return_index=True, return_counts=True)
    taken = np.clip(np.rint(counts * share), counts > 1, np.maximum(counts - 1, 0))
    rank = np.arange(len(order)) - np.repeat(starts, counts)
    return by_class[rank < np.repeat(taken, counts)]


def noted(data: Data, where: str, names: Sequence[Any], advice: str = "") -> Data:
    """Return data with a note about the classes that are not in both parts.

    Args:
        data: The data, of labels.
        where: The file, with which a note begins.
        names: The names of the classes, by label.
        advice: The end of a note.
    """
    notes = []
    consequences = {
        "training": "cannot be learnt",
        "validation": "has no say in what is chosen",
        "test": "is not tested",
    }
    for part, split in data.parts.items():
        is_present = np.zeros(len(names), bool)
        is_present[split.t] = True
        absent = np.flatnonzero(~is_present)
        if len(absent):
            listed = ", ".join(str(names[label]) for label in absent[:MOST_NAMES])
            if len(absent) > MOST_NAMES:
                listed += f" and {len(absent) - MOST_NAMES:,} more"
            subject = "class" if len(absent) == 1 else "classes"
            notes.append(
                f"{where}: the {part} part has no example of {subject} {listed}, "
                f"which {consequences[part]}{advice}"
            )
    return replace(data, notes=(*data.notes, *notes))
