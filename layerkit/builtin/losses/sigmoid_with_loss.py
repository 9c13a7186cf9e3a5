"""The sigmoid followed by the cross-entropy of yes and no."""

import numpy as np

from layerkit import Array, Shape, Targets, check_probabilities, sigmoid
from layerkit.builtin.fitting import check_an_output_for_each_question
from layerkit.builtin.losses.elementwise import ElementwiseLoss


class SigmoidWithLoss(ElementwiseLoss):
    """Binary cross-entropy of logits, ``-t log p - (1 - t) log(1 - p)`` with ``p = sigmoid(y)``.

    It is averaged over batch and outputs as PyTorch's ``BCEWithLogitsLoss`` does. Each output is an
    independent yes-or-no question. Labels of two classes are valid targets.

    Shapes:
        y: ``(batch, *shape)``, logits
        t: the shape of ``y``, whose last axis may be omitted if it is 1; from 0 (no) to 1 (yes)

    Raises:
        DataError: By ``each``, for a target that is not from 0 to 1.

    Source:
        Saito (2018), "Deep Learning from Scratch 2", section 4.2.
    """

    metrics = ("binary_accuracy",)
    meaning = "logits"

    def check(self, shape: Shape, targets: Targets) -> None:
        """Refuse labels of more than two classes, and outputs whose shape is not the targets'."""
        check_an_output_for_each_question(shape, targets, instead="softmax_with_loss")

    def check_targets(self, shape: Shape, t: Array) -> None:
        """Refuse targets whose shape is not the outputs', and targets that are not from 0 to 1."""
        super().check_targets(shape, t)
        check_probabilities(t)

    def each(self, y: Array, t: Array) -> Array:
        """Return the loss of each output.

        Raises:
            ShapeError: The shapes of targets and outputs differ.
            DataError: A target is not from 0 to 1.
        """
        check_probabilities(t)
        return super().each(y, t)

    def losses(self, y: Array, t: Array) -> Array:
        """Return ``max(y, 0) - y t + log(1 + exp(-|y|))``, which never overflows."""
        # -log p = log(1 + exp(-y)) and -log(1 - p) = y + log(1 + exp(-y)), so the loss is
        # (1 - t) y + log(1 + exp(-y)); and log(1 + exp(-y)) = max(-y, 0) + log(1 + exp(-|y|)).
        losses = np.abs(y, out=self.scratch("losses", y.shape, y.dtype))
        np.log1p(np.exp(np.negative(losses, out=losses), out=losses), out=losses)
        linear = np.maximum(y, 0, out=self.scratch("linear", y.shape, y.dtype))
        linear -= np.multiply(y, t, out=self.scratch("product", y.shape, y.dtype))
        losses += linear
        return losses

    def slopes(self, y: Array, t: Array) -> Array:
        """Return ``sigmoid(y) - t``."""
        p = sigmoid(y, out=self.scratch("dy", y.shape, y.dtype))
        return np.subtract(p, t, out=p)
