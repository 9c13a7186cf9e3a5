"""The F1 score."""

from layerkit import Array
from layerkit.builtin.metrics.counts import CountMetric, quotient


class F1(CountMetric):
    """The harmonic mean of precision and recall, ``2 tp / (2 tp + fp + fn)``, averaged.

    ``tp`` counts the examples of a class that were taken for it, ``fp`` the others that were, and
    ``fn`` those of the class that were not. If outputs each say yes or no, each takes the place of
    a class, and the metric is about yes; an output for which yes is neither right nor answered
    counts 0. The score of each class stands in the details.

    Args:
        average: How the classes become one number: ``"macro"`` is their mean, ``"weighted"`` the
            mean weighted by how often each is right, and ``"micro"`` counts all answers together.
        label: The class, or the output, whose own score is the value instead of an average.
        multilabel: Whether each output says yes or no on its own, rather than all together which
            class is right. It is needed only if targets have the shape of several outputs that are
            no logits; otherwise labels, or what the loss takes, determine it.

    Shapes:
        y: ``(batch, *positions, classes)``, or ``(batch, *shape)`` if each output says yes or no
        t: ``(batch, *positions)`` labels, or the shape of ``y``
    """

    def ratio(self, both: Array, answered: Array, right: Array) -> Array:
        """Return ``2 tp / (2 tp + fp + fn)``."""
        return quotient(2 * both, answered + right)
