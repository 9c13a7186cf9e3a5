"""Checks of data before training: the arrays, their shapes and their numbers."""

from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np

from layerkit.arguments import check_instance, shown
from layerkit.contracts.dataset import Data, Split, check_not_empty
from layerkit.contracts.loss import Loss
from layerkit.contracts.metric import Metric, no_weights
from layerkit.conversion import check_examples, check_targets
from layerkit.errors import DataError, ShapeError
from layerkit.network import Network
from layerkit.types import Array


def check_data(
    network: Network, data: Data, metrics: Iterable[Metric], dtype: np.dtype[Any] | None = None
) -> None:
    """Refuse examples and targets that the network, its loss or a metric cannot take.

    The examples are read at most once, block by block, because they may be mapped from a file
    that is larger than memory.

    Args:
        network: The network, with a loss.
        data: The examples.
        metrics: The metrics of evaluations; their ``meaning`` is set.
        dtype: The type that has to hold the numbers; that of the network by default.

    Raises:
        ShapeError: Examples do not have the shape that the network takes, targets do not match the
            outputs, or a metric cannot use outputs of that meaning.
        DataError: A part has no examples, or is not an array of numbers; a number is too large or
            too small for the type, or different whole numbers become equal in it; targets are not
            finite; labels are not integers or out of range; weights are negative, not finite or
            all 0; or the loss needs probabilities and gets others.
    """
    for part, split in data.parts.items():
        _check_arrays(part, split)
        check_not_empty(part, split)
        _check_shape(part, split, network)
        _check_numbers(part, split, network.dtype if dtype is None else dtype)
        _check_weights(part, split.weights)
    _check_targets(network, data, metrics)


def _check_arrays(part: str, split: Split) -> None:
    check_instance(split, Split, f"the {part} part")
    names = ("examples", "targets", "weights")
    for name, array in zip(names, split.arrays, strict=False):
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
            got = getattr(array, "dtype", type(array).__name__)
            raise DataError(f"the {part} part must have {name} in an array of numbers, got {got}")


def _check_weights(part: str, weights: Array | None) -> None:
    """Refuse weights that are negative, not finite or all 0."""
    if weights is None:
        return
    for wrong, what in ((~np.isfinite(weights), "finite"), (weights < 0, "0 or more")):
        if wrong.any():
            i = int(wrong.argmax())
            raise DataError(
                f"the {part} part must have weights that are {what}, got {weights[i]:g} for "
                f"example {i}"
            )
    if not weights.any():
        raise DataError(f"the {part} part must have weights above 0, got only zeros")


def _check_shape(part: str, split: Split, network: Network) -> None:
    shapes = network.shapes[: network.input_count]
    if shapes != [split.x.shape[1:]]:
        takes = " and ".join(map(str, shapes))
        raise ShapeError(
            f"the network takes examples of shape {takes}, and those of the {part} part have "
            f"the shape {split.x.shape[1:]}"
        )


def _check_targets(network: Network, data: Data, metrics: Iterable[Metric]) -> None:
    """Refuse targets that the loss or a metric cannot take."""
    assert network.loss_function is not None
    components: list[Loss | Metric] = [network.loss_function]
    for metric in metrics:
        metric.meaning = network.meaning
        components.append(metric)
    for part, split in data.parts.items():
        for component in components:
            takes_weights = not isinstance(component, Metric) or component.takes_weights
            if split.weights is not None and not takes_weights:
                raise no_weights(type(component))
            try:
                component.check_targets(network.output_shape, split.t)
            except DataError as error:
                raise DataError(f"the {part} part: {error}") from error
            except ShapeError as error:
                name = type(component).__name__
                raise ShapeError(
                    f"{name} on the {part} part: {error.expected}", error.hint
                ) from error


def _check_numbers(part: str, split: Split, dtype: np.dtype[Any]) -> None:
    """Refuse numbers that a type turns into infinity, 0 or one another."""
    least, most = float(np.finfo(dtype).tiny), float(np.finfo(dtype).max)
    is_number = isinstance(split.scale, Real) and not isinstance(split.scale, bool)
    if not is_number or not least <= abs(split.scale) <= most:
        got = f"{split.scale:.2g}" if is_number else shown(split.scale)
        raise DataError(
            f"the {part} part must have a scale of {least:.2g} to {most:.2g}, which {dtype} can "
            f"hold, got {got}"
        )
    check_examples(split.x, dtype, f"the examples of the {part} part")
    check_targets(split.t, dtype, f"the targets of the {part} part")
