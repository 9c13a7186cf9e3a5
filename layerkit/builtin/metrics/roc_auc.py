"""The area under the ROC curve."""

import math

import numpy as np

from layerkit import Array
from layerkit.builtin.metrics.curves import CurveMetric


class RocAuc(CurveMetric):
    """The area under the ROC curve, the chance that a yes has a larger output than a no.

    Equal outputs count one half. 1 is a perfect order, and one half is that of chance. Of several
    classes, each is compared with all others, by its probability if outputs are logits, and the
    metric is the mean. A class of which there are no examples, or no others, has no curve and is
    left out of the mean. The area of each class stands in the details.

    All outputs of an evaluation are kept until its end.

    Args:
        multilabel: Whether each output says yes or no on its own, rather than all together which
            class is right. It is needed only if targets have the shape of several outputs that are
            no logits; otherwise labels, or what the loss takes, determine it.

    Shapes:
        y: ``(batch, *positions, classes)``, or ``(batch, *shape)`` if each output says yes or no
        t: ``(batch, *positions)`` labels, or the shape of ``y``

    Source:
        Fawcett (2006), "An Introduction to ROC Analysis", section 7 and algorithm 3.
    """

    needs = "examples of at least two classes, or both a yes and a no"

    def area(self, hits: Array, alarms: Array) -> float:
        """Return the area by the trapezoidal rule, NaN if there is only one class."""
        if not hits[-1] or not alarms[-1]:
            return math.nan
        heights = (hits[1:] + hits[:-1]) / 2
        return float(heights @ np.diff(alarms) / (hits[-1] * alarms[-1]))
