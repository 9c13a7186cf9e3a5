"""The share of examples whose class is among the largest outputs."""

import numpy as np

from layerkit import Array, Example, MeanMetric, PositiveInt, Shape, ShapeError, Targets
from layerkit.builtin.fitting import check_an_output_for_each_class
from layerkit.builtin.metrics.answers import right_classes
from layerkit.builtin.metrics.numbers import mean_of_outputs


class TopK(MeanMetric):
    """The share of examples whose target is among the ``k`` largest outputs.

    Of equal outputs, that of the later class counts as the larger one. Each position of an example
    counts separately, so an example may be partly right.

    Args:
        k: How many outputs count; fewer than there are classes.

    Shapes:
        y: ``(batch, *positions, classes)``
        t: ``(batch, *positions)`` labels, or the shape of ``y``, one-hot

    Source:
        ``sklearn.metrics.top_k_accuracy_score``, for equal outputs.
    """

    examples = (Example({"k": 2}),)

    def __init__(self, k: PositiveInt) -> None:
        self.k = k

    def check(self, shape: Shape, targets: Targets) -> None:
        """Refuse anything but one output for each class, and too few classes for ``k``."""
        check_an_output_for_each_class(shape, targets)
        if self.meaning == "logits":
            raise ShapeError(
                "takes one choice among classes, but to the loss each output says yes or no",
                'use "binary_accuracy"',
            )
        if self.k >= shape[-1]:
            raise ShapeError(
                f"takes more classes than k, which is {self.k}, got {shape[-1]}: every answer "
                "would be right",
                f"set k to at most {shape[-1] - 1}",
            )

    def check_targets(self, shape: Shape, t: Array) -> None:
        """Refuse targets that are neither labels of the classes nor one number for each class."""
        right_classes((*t.shape[:1], *shape), t)

    def each(self, y: Array, t: Array) -> Array:
        """Return the share of right positions of each example: 0 or 1 if it has only one."""
        right = right_classes(y.shape, t)[..., np.newaxis]
        own = np.take_along_axis(y, right, axis=-1)
        comes_later = np.arange(y.shape[-1]) > right
        ahead = ((y > own) | ((y == own) & comes_later)).sum(axis=-1)
        return mean_of_outputs(ahead < self.k)
