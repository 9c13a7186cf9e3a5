"""The base class of metrics that compare numbers with numbers."""

import numpy as np

from layerkit import Array, Metric, Shape, ShapeError, Targets, as_outputs, check_finite
from layerkit.builtin.fitting import check_an_output_for_each_number


class NumberMetric(Metric):
    """A metric of numbers, with an output for each target; logits are refused."""

    def check(self, shape: Shape, targets: Targets) -> None:
        """Refuse labels of classes, and outputs of another shape than the targets."""
        check_an_output_for_each_number(shape, targets, instead="accuracy")
        self._refuse_logits()

    def check_targets(self, shape: Shape, t: Array) -> None:
        """Refuse targets of another shape than the outputs, and those that are not finite."""
        self._refuse_logits()
        as_outputs(t, (*t.shape[:1], *shape))
        check_finite(t)

    def _refuse_logits(self) -> None:
        """Refuse logits, which are not comparable with targets."""
        if self.meaning in ("logits", "class_logits"):
            raise ShapeError(
                "compares outputs with targets, but to the loss the outputs are logits",
                'use "binary_accuracy"' if self.meaning == "logits" else 'use "accuracy"',
            )


def mean_of_outputs(numbers: Array) -> Array:
    """Return one number per example, ``(batch,)``: the mean of its own."""
    return np.asarray(numbers.reshape(len(numbers), -1).mean(axis=1))
