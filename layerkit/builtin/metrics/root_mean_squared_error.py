"""The root of the mean squared error."""

import numpy as np

from layerkit import Array, as_outputs
from layerkit.builtin.metrics.numbers import NumberMetric


class RootMeanSquaredError(NumberMetric):
    """The root of the mean squared error, ``sqrt(mean((y - t)^2))``, in the unit of the targets.

    Each output has its own root, and the metric is their mean. The root of the mean over all
    outputs would be larger if they differ.

    Shapes:
        y: ``(batch, *shape)``
        t: the shape of ``y``, whose last axis may be omitted if it is 1

    Source:
        ``sklearn.metrics.root_mean_squared_error``.
    """

    higher_is_better = False

    def reset(self) -> None:
        """Begin a new evaluation."""
        self._squares = np.zeros(())
        self._count = 0.0

    def update(self, y: Array, t: Array, weights: Array | None = None) -> None:
        """Add a batch."""
        residuals = y.astype(np.float64) - as_outputs(t, y.shape)
        if weights is None:
            weights = np.ones(len(y))
        is_counted = weights > 0
        squares = np.square(residuals[is_counted])
        self._squares = self._squares + np.tensordot(weights[is_counted], squares, axes=1)
        self._count += float(weights.sum())

    def value(self) -> float:
        """Return the mean over the outputs, over all batches since ``reset``."""
        if not self._count:
            return float("nan")
        return float(np.sqrt(self._squares / self._count).mean())
