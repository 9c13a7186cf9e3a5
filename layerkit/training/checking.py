"""Whether the network, the loss and the metrics can take the numbers of data."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from layerkit.dataset import Data, Split
from layerkit.errors import DataError, ShapeError
from layerkit.loss import Loss
from layerkit.metric import Metric
from layerkit.network import Network


def check_targets(network: Network, data: Data, metrics: Iterable[Metric]) -> None:
    """Refuse targets that the loss or a metric cannot take.

    Args:
        network: The network; one without a loss is left to whoever trains it.
        data: The examples.
        metrics: What evaluations tell besides the loss.

    Raises:
        ShapeError: Targets have another shape than goes with the outputs, or a metric has no use
            for outputs of that meaning.
        DataError: Targets are not finite, no integers where they are labels, of no class, or no
            probabilities where the loss wants them to be.
    """
    if network.loss_function is None:
        return
    metrics = list(metrics)
    for metric in metrics:
        metric.meaning = network.meaning
    for part, split in (("training", data.train), ("test", data.test)):
        components: list[Loss | Metric] = [network.loss_function, *metrics]
        for component in components:
            try:
                component.check_targets(network.output_shape, split.t)
            except DataError as error:
                raise DataError(f"the {part} part: {error}") from error
            except ShapeError as error:
                name = type(component).__name__
                raise ShapeError(
                    f"{name} on the {part} part: {error.expected}", error.hint
                ) from error


def check_numbers(part: str, split: Split, dtype: np.dtype[Any]) -> None:
    """Refuse numbers of which the type of the network makes others.

    Args:
        part: What messages call the part.
        split: Its examples.
        dtype: The type.

    Raises:
        DataError: A number is too large or too small for the type, or whole numbers collapse.
    """
    _check_range(part, split, dtype)
    _check_whole(part, split, dtype)


def _check_range(part: str, split: Split, dtype: np.dtype[Any]) -> None:
    """Refuse numbers that the type of the network does not hold."""
    least, most = float(np.finfo(dtype).tiny), float(np.finfo(dtype).max)
    if not least <= abs(split.scale) <= most:
        raise DataError(
            f"the {part} part must have a scale of {least:.2g} to {most:.2g}, which {dtype} can "
            f"hold, got {split.scale:.2g}"
        )
    for name, array in (("examples", split.x), ("targets", split.t)):
        if array.dtype.kind == "f" and array.dtype.itemsize > dtype.itemsize:
            largest = max(-float(array.min()), float(array.max()))
            if largest > most:
                raise DataError(
                    f"the {part} part must have {name} of at most {most:.2g}, which {dtype} can "
                    f"hold, got {largest:.2g}; scale them"
                )


def _check_whole(part: str, split: Split, dtype: np.dtype[Any]) -> None:
    """Refuse whole numbers of which the type of the network makes the same number.

    Of numbers with a fraction the last digits are a matter of precision; of whole ones, such as an
    id or a time in seconds, they are what tells one from another.
    """
    exact, x = 2 ** (np.finfo(dtype).nmant + 1), split.x
    # Neither 16 bits nor a float of the same width can say more than the type.
    if not x.size or x.dtype.itemsize <= 2 or (x.dtype.kind == "f" and x.dtype <= dtype):
        return
    columns = x.reshape(-1, x.shape[-1]) if x.ndim > 1 else x.reshape(-1, 1)
    low, high = (ends.astype(np.float64) for ends in (columns.min(axis=0), columns.max(axis=0)))
    reaches = np.flatnonzero(np.maximum(-low, high) > exact)
    for i in map(int, reaches):
        numbers = np.unique(columns[:, i])
        if (numbers != np.rint(numbers)).any():
            continue
        same = np.flatnonzero(np.diff(numbers.astype(dtype)) == 0)
        if same.size:
            one, other = (int(n) for n in numbers[same[0] : same[0] + 2])
            where = f" in column {i}" if x.ndim > 1 and x.shape[-1] > 1 else ""
            raise DataError(
                f"the {part} part has the numbers {one} and {other}{where}, which {dtype} makes "
                f"the same: it holds whole numbers up to {exact:,}; drop them if they name "
                'examples, subtract their least number or scale them, or set "dtype": "float64"'
            )
