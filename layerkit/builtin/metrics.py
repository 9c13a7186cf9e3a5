"""What an evaluation tells people."""

import numpy as np

from layerkit import Array, MeanMetric, Metric, Shape, Targets
from layerkit.builtin.fitting import (
    check_an_output_for_each_class,
    check_an_output_for_each_number,
    check_an_output_for_each_question,
)


class Accuracy(MeanMetric):
    """The share of examples whose largest output is at the target.

    Of an example with several positions each counts alone, so that it may be right in part.

    Shapes:
        y: ``(batch, *positions, classes)``
        t: ``(batch, *positions)`` labels, or the shape of ``y``, one-hot
    """

    def check(self, shape: Shape, targets: Targets) -> None:
        """Refuse anything but one output for each class, at each position of the targets."""
        check_an_output_for_each_class(shape, targets)

    def each(self, y: Array, t: Array) -> Array:
        """Return the share of right positions of each example; 0 or 1 where it has but one."""
        labels = t.argmax(axis=-1) if t.ndim == y.ndim else t
        return _mean_of_outputs(y.argmax(axis=-1) == labels)


class BinaryAccuracy(MeanMetric):
    """The share of outputs on the side of 0 that their targets, zeros and ones, say.

    An output is a logit: above 0 stands for a probability above one half. Of several outputs each
    counts alone, so that an example may be right in part.

    Shapes:
        y: ``(batch, *shape)``
        t: the shape of ``y``, up to a trailing axis of 1
    """

    def check(self, shape: Shape, targets: Targets) -> None:
        """Refuse labels of more classes than two, and outputs of another shape than the targets."""
        check_an_output_for_each_question(shape, targets, instead="accuracy")

    def each(self, y: Array, t: Array) -> Array:
        """Return the share of right outputs of each example."""
        return _mean_of_outputs((y > 0) == (t.reshape(y.shape) > 0.5))


class MeanAbsoluteError(MeanMetric):
    """The mean of ``|y - t|`` over examples and outputs.

    Shapes:
        y: ``(batch, *shape)``
        t: the shape of ``y``, up to a trailing axis of 1
    """

    higher_is_better = False

    def check(self, shape: Shape, targets: Targets) -> None:
        """Refuse labels of classes, and outputs of another shape than the targets."""
        check_an_output_for_each_number(shape, targets, instead="accuracy")

    def each(self, y: Array, t: Array) -> Array:
        """Return the mean absolute error of each example."""
        return _mean_of_outputs(np.abs(y - t.reshape(y.shape)))


class R2(Metric):
    """The coefficient of determination, ``1 - sum((y - t)^2) / sum((t - mean(t))^2)``.

    1 is a perfect prediction, 0 is as good as the mean of the targets. Each output has its own,
    and the metric is their mean. An output whose target is always the same counts 1 if every
    prediction is exactly right, and 0 if not.

    Shapes:
        y: ``(batch, *shape)``
        t: the shape of ``y``, up to a trailing axis of 1

    Source:
        Chan, Golub and LeVeque (1983), "Algorithms for Computing the Sample Variance", for joining
        batches; ``sklearn.metrics.r2_score`` for targets that are always the same.
    """

    def __init__(self) -> None:
        self.reset()

    def check(self, shape: Shape, targets: Targets) -> None:
        """Refuse labels of classes, and outputs of another shape than the targets."""
        check_an_output_for_each_number(shape, targets, instead="accuracy")

    def reset(self) -> None:
        """Begin a new evaluation."""
        self._count = 0
        self._origin = self._mean = self._spread = self._residuals = np.zeros(())

    def update(self, y: Array, t: Array) -> None:
        """Take in a batch."""
        t = t.reshape(len(y), -1).astype(np.float64)
        self._residuals = self._residuals + np.square(y.reshape(t.shape) - t).sum(axis=0)
        if self._count == 0:
            # Distances from one of the targets are exactly 0 where all targets are the same.
            self._origin = t[0].copy()
        t -= self._origin
        mean = t.mean(axis=0)
        # Two groups of n and m spread around their common mean as each does around its own, plus
        # n m / (n + m) times the square of the distance between their means.
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


def _mean_of_outputs(numbers: Array) -> Array:
    """Return one number per example, ``(batch,)``."""
    return np.asarray(numbers.reshape(len(numbers), -1).mean(axis=1))
