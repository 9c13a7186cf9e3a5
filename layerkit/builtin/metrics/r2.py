"""The coefficient of determination."""

import numpy as np

from layerkit import Array, as_outputs
from layerkit.builtin.metrics.numbers import NumberMetric


class R2(NumberMetric):
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

    def reset(self) -> None:
        """Begin a new evaluation."""
        self._count = 0.0
        self._origin = self._mean = self._spread = self._residuals = np.zeros(())

    def update(self, y: Array, t: Array, weights: Array | None = None) -> None:
        """Add a batch."""
        t = as_outputs(t, y.shape).reshape(len(y), -1).astype(np.float64)
        w = np.ones((len(y), 1)) if weights is None else weights[:, np.newaxis]
        if not w.all():
            is_counted = w[:, 0] > 0
            y, t, w = y[is_counted], t[is_counted], w[is_counted]
        if not len(t):
            return
        self._residuals = self._residuals + (w * np.square(y.reshape(t.shape) - t)).sum(axis=0)
        if self._count == 0:
            # Distances from one of the targets are exactly 0 if all targets are equal.
            self._origin = t[0].copy()
        t -= self._origin
        # The spread of two groups of weights n and m around their common mean is the sum of their
        # own spreads plus n m / (n + m) times the squared distance between their means.
        n, m = self._count, float(w.sum())
        mean = (w * t).sum(axis=0) / m
        distance = mean - self._mean
        within = (w * np.square(t - mean)).sum(axis=0)
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
