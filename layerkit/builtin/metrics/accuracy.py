"""The share of examples whose class is right."""

from layerkit import Array, MeanMetric, Shape, Targets, as_labels, check_finite
from layerkit.builtin.fitting import check_an_output_for_each_class
from layerkit.builtin.metrics.numbers import mean_of_outputs


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
        return mean_of_outputs(y.argmax(axis=-1) == labels)
