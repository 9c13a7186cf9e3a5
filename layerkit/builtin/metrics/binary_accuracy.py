"""The share of yes-or-no answers that are right."""

from typing import Literal

from layerkit import (
    Array,
    Meaning,
    MeanMetric,
    Shape,
    ShapeError,
    Targets,
    as_outputs,
    check_probabilities,
)
from layerkit.builtin.fitting import check_an_output_for_each_question
from layerkit.builtin.metrics.numbers import mean_of_outputs


class BinaryAccuracy(MeanMetric):
    """The share of outputs that agree with their targets, which are 0 (no) or 1 (yes).

    A logit above 0 means yes, and so does a probability above one half, or a number above one half
    that was trained on zeros and ones. Each output counts separately, so an example may be partly
    right.

    Args:
        outputs: What the outputs mean; by default what the last layer and the loss determine, or
            logits if the metric is used alone.

    Shapes:
        y: ``(batch, *shape)``
        t: the shape of ``y``, whose last axis may be omitted if it is 1; from 0 (no) to 1 (yes)
    """

    meaning: Meaning = "logits"

    def __init__(
        self, outputs: Literal["logits", "probabilities", "numbers"] | None = None
    ) -> None:
        self.outputs = outputs

    def check(self, shape: Shape, targets: Targets) -> None:
        """Refuse labels of more than two classes, and outputs whose shape is not the targets'."""
        check_an_output_for_each_question(shape, targets, instead="accuracy")
        self._refuse_choices()

    def check_targets(self, shape: Shape, t: Array) -> None:
        """Refuse targets whose shape is not the outputs', and targets that are not from 0 to 1."""
        self._refuse_choices()
        as_outputs(t, (*t.shape[:1], *shape))
        check_probabilities(t)

    def each(self, y: Array, t: Array) -> Array:
        """Return the share of right outputs of each example."""
        check_probabilities(t)
        least = 0 if (self.outputs or self.meaning) == "logits" else 0.5
        return mean_of_outputs((y > least) == (as_outputs(t, y.shape) > 0.5))

    def _refuse_choices(self) -> None:
        if self.outputs is None and self.meaning == "class_logits":
            raise ShapeError(
                "takes outputs that each say yes or no, but to the loss they are one choice "
                "among classes",
                'use "accuracy"',
            )
