"""Recall."""

from layerkit import Array
from layerkit.builtin.metrics.counts import CountMetric, quotient


class Recall(CountMetric):
    """The share of a class that is found, ``tp / (tp + fn)``, of each class, averaged.

    ``tp`` counts the examples of a class that were taken for it, ``fn`` those that were not. A
    class without examples has no recall, and counts 0 in the average if examples were taken for it.
    If outputs each say yes or no, each takes the place of a class, and the metric is about yes. The
    recall of each class stands in the details.

    Args:
        average: How the classes become one number: ``"macro"`` is their mean, ``"weighted"`` the
            mean weighted by how often each is right, and ``"micro"`` counts all answers together.
        label: The class, or the output, whose own recall is the value instead of an average.
        multilabel: Whether each output says yes or no on its own, rather than all together which
            class is right. It is needed only if targets have the shape of several outputs that are
            no logits; otherwise labels, or what the loss takes, determine it.

    Shapes:
        y: ``(batch, *positions, classes)``, or ``(batch, *shape)`` if each output says yes or no
        t: ``(batch, *positions)`` labels, or the shape of ``y``
    """

    def ratio(self, both: Array, answered: Array, right: Array) -> Array:
        """Return ``tp / (tp + fn)``."""
        return quotient(both, right)
