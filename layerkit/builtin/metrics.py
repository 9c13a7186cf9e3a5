"""The built-in metrics."""

from typing import Literal

import numpy as np

from layerkit import (
    Array,
    Meaning,
    MeanMetric,
    Metric,
    Shape,
    ShapeError,
    Targets,
    as_labels,
    as_outputs,
    check_finite,
    check_probabilities,
)
from layerkit.builtin.fitting import (
    check_an_output_for_each_class,
    check_an_output_for_each_number,
    check_an_output_for_each_question,
)


class Accuracy(MeanMetric):
    """The share of examples whose largest output is at the target.

    Each position of an example counts separately, so an example may be partly right.

    Shapes:
        y: ``(batch, *positions, classes)``
        t: ``(batch, *positions)`` labels, or the shape of ``y``, one-hot
    """

    def check(self, shape: Shape, targets: Targets) -> None:
        """Refuse anything but one output for each class, at each position of the targets."""
        check_an_output_for_each_class(shape, targets)

    def check_targets(self, shape: Shape, t: Array) -> None:
        """Refuse targets that are neither labels of the classes nor one number for each class."""
        if t.shape[1:] == shape:
            check_finite(t)
        else:
            as_labels(t, (*t.shape[:1], *shape))

    def each(self, y: Array, t: Array) -> Array:
        """Return the share of right positions of each example: 0 or 1 if it has only one."""
        labels = t.argmax(axis=-1) if t.shape == y.shape else as_labels(t, y.shape)
        return _mean_of_outputs(y.argmax(axis=-1) == labels)


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
        return _mean_of_outputs((y > least) == (as_outputs(t, y.shape) > 0.5))

    def _refuse_choices(self) -> None:
        if self.outputs is None and self.meaning == "class_logits":
            raise ShapeError(
                "takes outputs that each say yes or no, but to the loss they are one choice "
                "among classes",
                'use "accuracy"',
            )


class MeanAbsoluteError(MeanMetric):
    """The mean of ``|y - t|`` over examples and outputs.

    Shapes:
        y: ``(batch, *shape)``
        t: the shape of ``y``, whose last axis may be omitted if it is 1
    """

    higher_is_better = False

    def check(self, shape: Shape, targets: Targets) -> None:
        """Refuse labels of classes, and outputs of another shape than the targets."""
        check_an_output_for_each_number(shape, targets, instead="accuracy")
        _refuse_logits(self)

    def check_targets(self, shape: Shape, t: Array) -> None:
        """Refuse targets of another shape than the outputs, and those that are not finite."""
        _check_numbers(self, shape, t)

    def each(self, y: Array, t: Array) -> Array:
        """Return the mean absolute error of each example."""
        return _mean_of_outputs(np.abs(y - as_outputs(t, y.shape)))


class R2(Metric):
    """The coefficient of determination, ``1 - sum((y - t)^2) / sum((t - mean(t))^2)``.

    1 is a perfect prediction; 0 is as good as the mean of the targets. Each output has its own
    coefficient, and the metric is their mean. An output whose target is constant counts 1 if every
    prediction is exactly right, and 0 otherwise.

    Shapes:
        y: ``(batch, *shape)``
        t: the shape of ``y``, whose last axis may be omitted if it is 1

    Source:
        Chan, Golub and LeVeque (1983), "Algorithms for Computing the Sample Variance", for merging
        batches; ``sklearn.metrics.r2_score`` for constant targets.
    """

    def __init__(self) -> None:
        self.reset()

    def check(self, shape: Shape, targets: Targets) -> None:
        """Refuse labels of classes, and outputs of another shape than the targets."""
        check_an_output_for_each_number(shape, targets, instead="accuracy")
        _refuse_logits(self)

    def check_targets(self, shape: Shape, t: Array) -> None:
        """Refuse targets of another shape than the outputs, and those that are not finite."""
        _check_numbers(self, shape, t)

    def reset(self) -> None:
        """Begin a new evaluation."""
        self._count = 0
        self._origin = self._mean = self._spread = self._residuals = np.zeros(())

    def update(self, y: Array, t: Array) -> None:
        """Add a batch."""
        t = as_outputs(t, y.shape).reshape(len(y), -1).astype(np.float64)
        self._residuals = self._residuals + np.square(y.reshape(t.shape) - t).sum(axis=0)
        if self._count == 0:
            # Distances from one of the targets are exactly 0 if all targets are equal.
            self._origin = t[0].copy()
        t -= self._origin
        mean = t.mean(axis=0)
        # The spread of two groups of n and m around their common mean is the sum of their own
        # spreads plus n m / (n + m) times the squared distance between their means.
        n, m = self._count, len(t)
        distance = mean - self._mean
        within = np.square(t - mean).sum(axis=0)
        self._spread = self._spread + within + distance**2 * (n * m / (n + m))
        self._mean = self._mean + distance * (m / (n + m))
        self._count = n + m

    def value(self) -> float:
        """Return the mean over the outputs, over all batches since ``reset``."""
        if self._count == 0:
            return float("nan")
        missed = (self._residuals != 0).astype(np.float64)
        unexplained = np.divide(self._residuals, self._spread, out=missed, where=self._spread > 0)
        return float(1 - unexplained.mean())


def _check_numbers(metric: Metric, shape: Shape, t: Array) -> None:
    _refuse_logits(metric)
    as_outputs(t, (*t.shape[:1], *shape))
    check_finite(t)


def _refuse_logits(metric: Metric) -> None:
    """Refuse logits, which are not comparable with targets."""
    if metric.meaning in ("logits", "class_logits"):
        raise ShapeError(
            "compares outputs with targets, but to the loss the outputs are logits",
            'use "binary_accuracy"' if metric.meaning == "logits" else 'use "accuracy"',
        )


def _mean_of_outputs(numbers: Array) -> Array:
    """Return one number per example, ``(batch,)``."""
    return np.asarray(numbers.reshape(len(numbers), -1).mean(axis=1))
