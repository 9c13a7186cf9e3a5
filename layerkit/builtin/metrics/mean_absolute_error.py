"""The mean absolute error."""

import numpy as np

from layerkit import Array, MeanMetric, as_outputs
from layerkit.builtin.metrics.numbers import NumberMetric, mean_of_outputs


class MeanAbsoluteError(NumberMetric, MeanMetric):
    """The mean of ``|y - t|`` over examples and outputs.

    Shapes:
        y: ``(batch, *shape)``
        t: the shape of ``y``, whose last axis may be omitted if it is 1
    """

    higher_is_better = False

    def each(self, y: Array, t: Array) -> Array:
        """Return the mean absolute error of each example."""
        return mean_of_outputs(np.abs(y - as_outputs(t, y.shape)))
