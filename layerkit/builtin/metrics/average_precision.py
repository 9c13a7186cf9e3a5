"""The average precision."""

import math

import numpy as np

from layerkit import Array
from layerkit.builtin.metrics.curves import CurveMetric


class AveragePrecision(CurveMetric):
    """The mean of the precision over the recall, ``sum((R[n] - R[n - 1]) P[n])``.

    ``P[n]`` and ``R[n]`` are precision and recall if outputs from the threshold ``n`` on mean yes.
    Of several classes, each is compared with all others, by its probability if outputs are logits,
    and the metric is the mean. A class without examples has no curve and is left out of the mean.
    An output that is never rightly yes counts 0. The number of each class stands in the details.

    All outputs of an evaluation are kept until its end.

    Args:
        multilabel: Whether each output says yes or no on its own, rather than all together which
            class is right. It is needed only if targets have the shape of several outputs that are
            no logits; otherwise labels, or what the loss takes, determine it.

    Shapes:
        y: ``(batch, *positions, classes)``, or ``(batch, *shape)`` if each output says yes or no
        t: ``(batch, *positions)`` labels, or the shape of ``y``

    Source:
        ``sklearn.metrics.average_precision_score``.
    """

    needs = "at least one target that is yes"
    of_no_curve = 0.0

    def area(self, hits: Array, alarms: Array) -> float:
        """Return the sum over the thresholds, NaN if the class is never right."""
        if not hits[-1]:
            return math.nan
        precision = hits[1:] / (hits[1:] + alarms[1:])
        return float(precision @ np.diff(hits) / hits[-1])
