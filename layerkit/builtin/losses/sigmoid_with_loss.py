"""The sigmoid followed by the cross-entropy of yes and no."""

import numpy as np

from layerkit import Array, Fraction, Shape, Targets, as_outputs, check_probabilities, sigmoid
from layerkit.builtin.fitting import check_an_output_for_each_question
from layerkit.builtin.losses.classes import (
    ClassWeights,
    balanced,
    check_class_weights,
    check_number_of_weights,
    weights_of_classes,
)
from layerkit.builtin.losses.elementwise import ElementwiseLoss


class SigmoidWithLoss(ElementwiseLoss):
    """Binary cross-entropy of logits, ``-t log p - (1 - t) log(1 - p)`` with ``p = sigmoid(y)``.

    It is averaged over batch and outputs as PyTorch's ``BCEWithLogitsLoss`` does. Each output is an
    independent yes-or-no question. Labels of two classes are valid targets.

    Args:
        class_weights: The weights of no and of yes in the mean; ``"balanced"`` weights each by
            ``n / (2 count)`` over the training targets. A target between 0 and 1 has a weight
            between the two.
        label_smoothing: The share ``s`` of each target that is moved to 1/2: ``(1 - s) t + s / 2``.

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
    balanced_weights: Array | None = None

    def __init__(self, class_weights: ClassWeights = None, label_smoothing: Fraction = 0.0) -> None:
        check_class_weights(class_weights)
        self.class_weights = class_weights
        self.label_smoothing = label_smoothing

    def check(self, shape: Shape, targets: Targets) -> None:
        """Refuse labels of more than two classes, and outputs whose shape is not the targets'."""
        check_an_output_for_each_question(shape, targets, instead="softmax_with_loss")
        check_number_of_weights(self.class_weights, 2)

    def check_targets(self, shape: Shape, t: Array) -> None:
        """Refuse targets whose shape is not the outputs', and targets that are not from 0 to 1."""
        super().check_targets(shape, t)
        check_probabilities(t)

    def fit(self, shape: Shape, t: Array) -> None:
        """Count the targets of no and of yes, if their weights are to be balanced.

        Raises:
            DataError: There are none of one of them.
        """
        if self.class_weights == "balanced":
            yes = float(t.sum(dtype=np.float64))
            self.balanced_weights = balanced(np.array([t.size - yes, yes]))

    def target_weights(self, t: Array) -> Array | None:
        """Return ``w0 + (w1 - w0) t`` for the weights ``w0`` of no and ``w1`` of yes."""
        weights = weights_of_classes(self.class_weights, self.balanced_weights)
        if weights is None:
            return None
        no, yes = weights
        return np.asarray(no + (yes - no) * self._probabilities)

    def each(self, y: Array, t: Array) -> Array:
        """Return the loss of each output.

        Raises:
            ShapeError: The shapes of targets and outputs differ.
            DataError: A target is not from 0 to 1.
        """
        check_probabilities(t)
        self._probabilities = t = as_outputs(t, y.shape)
        if self.label_smoothing:
            smooth = self.scratch("smooth", y.shape, y.dtype)
            t = np.multiply(t, 1 - self.label_smoothing, out=smooth)
            t += self.label_smoothing / 2
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
