"""The cross-entropy of the predicted probabilities."""

import numpy as np

from layerkit import (
    Array,
    DataError,
    Meaning,
    MeanMetric,
    Shape,
    ShapeError,
    Targets,
    as_outputs,
    check_distributions,
    check_probabilities,
)
from layerkit.builtin.metrics.answers import AnswerMetric, right_classes
from layerkit.builtin.metrics.numbers import mean_of_outputs

ROUNDING = 1e-3
"""How far probabilities may lie outside 0 to 1, and their sum from 1."""


class LogLoss(AnswerMetric, MeanMetric):
    """The mean of ``-log p`` for the probability ``p`` of the right class.

    It is in nats, and 0 if every right class has the probability 1. Of logits, probabilities are
    the softmax, or the sigmoid if each says yes or no. Probabilities are taken as at least the
    rounding error of their type, so the metric is finite. Positions and outputs that each say yes
    or no are averaged.

    Args:
        multilabel: Whether each output says yes or no on its own, rather than all together which
            class is right. It is needed only if targets have the shape of several outputs that are
            no logits; otherwise labels, or what the loss takes, determine it.

    Shapes:
        y: ``(batch, *positions, classes)``, or ``(batch, *shape)`` if each output says yes or no
        t: ``(batch, *positions)`` labels, or probabilities in the shape of ``y``

    Raises:
        DataError: By ``each``, for outputs that are neither logits nor probabilities.

    Source:
        ``sklearn.metrics.log_loss``, for the least probability.
    """

    higher_is_better = False
    meaning: Meaning = "probabilities"

    def check(self, shape: Shape, targets: Targets) -> None:
        """Refuse outputs that do not fit the targets, or have nothing to do with probabilities."""
        super().check(shape, targets)
        if self.meaning == "numbers":
            raise ShapeError(
                "takes probabilities or logits, but neither the last layer nor the loss says that "
                "the outputs are",
                'end the network with "sigmoid" or "softmax", or use a loss that takes logits',
            )

    def check_targets(self, shape: Shape, t: Array) -> None:
        """Refuse targets that are neither labels nor probabilities."""
        super().check_targets(shape, t)
        if t.shape[1:] == shape and self.is_choice(shape, shape):
            check_distributions(t)

    @np.errstate(over="ignore", invalid="ignore")  # of outputs that are infinite
    def each(self, y: Array, t: Array) -> Array:
        """Return the mean over the positions or outputs of each example."""
        y, tiny = y.astype(np.float64), float(np.finfo(y.dtype).eps)
        if self.is_choice(y.shape[1:], t.shape[1:]):
            return mean_of_outputs(self._of_choices(y, t, tiny))
        t = as_outputs(t, y.shape)
        check_probabilities(t)
        if self.meaning == "logits":
            return mean_of_outputs(np.maximum(y, 0) - y * t + np.log1p(np.exp(-np.abs(y))))
        check_range(y)
        p = np.clip(y, tiny, 1 - tiny)
        return mean_of_outputs(-(t * np.log(p) + (1 - t) * np.log1p(-p)))

    def _of_choices(self, y: Array, t: Array, tiny: float) -> Array:
        """Return the cross-entropy at each position."""
        if self.meaning == "class_logits":
            shifted = y - y.max(axis=-1, keepdims=True)
            logs = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        else:
            check_range(y)
            sums = y.sum(axis=-1)
            wrong = np.abs(sums - 1) > ROUNDING
            if wrong.any():
                raise DataError(
                    "LogLoss: the outputs of an example must add up to 1 as probabilities of "
                    f'classes, got {sums[wrong][0]:g}; end the network with "softmax"'
                )
            logs = np.log(np.clip(y, tiny, 1 - tiny))
        if t.shape == y.shape:
            check_distributions(t)
            losses: Array = (t * -logs).sum(axis=-1)
            return losses
        right = right_classes(y.shape, t)[..., np.newaxis]
        chosen: Array = np.take_along_axis(-logs, right, axis=-1)
        return chosen


def check_range(y: Array) -> None:
    """Refuse outputs that are not probabilities.

    Raises:
        DataError: An output is not from 0 to 1.
    """
    if y.size and (y.min() < -ROUNDING or y.max() > 1 + ROUNDING):
        raise DataError(
            f"LogLoss: outputs must be probabilities, from 0 to 1, got {y.min():g} to "
            f'{y.max():g}; end the network with "sigmoid" or "softmax"'
        )
