"""The base class of losses that compare each output with its own target."""

from abc import abstractmethod

import numpy as np

from layerkit import Array, Loss, Shape, Targets, as_outputs, check_finite
from layerkit.builtin.fitting import check_an_output_for_each_number


class ElementwiseLoss(Loss):
    """A function of an output and its target, a number for each output.

    A subclass defines the function and its derivative. For a single output, targets may omit its
    axis of 1.
    """

    @abstractmethod
    def losses(self, y: Array, t: Array) -> Array:
        """Return the loss of each output.

        Args:
            y: ``(batch, *shape)``
            t: The shape of ``y``.
        """

    @abstractmethod
    def slopes(self, y: Array, t: Array) -> Array:
        """Return the derivative of each loss at its output, in an array that may be changed."""

    def check(self, shape: Shape, targets: Targets) -> None:
        """Refuse labels of classes, and outputs whose shape is not the targets'."""
        check_an_output_for_each_number(shape, targets, instead="softmax_with_loss")

    def check_targets(self, shape: Shape, t: Array) -> None:
        """Refuse targets whose shape is not the outputs', and targets that are not finite."""
        as_outputs(t, (*t.shape[:1], *shape))
        check_finite(t)

    def each(self, y: Array, t: Array) -> Array:
        """Return the loss of each output, an array of the shape of ``y``.

        Raises:
            ShapeError: The shapes of targets and outputs differ.
        """
        self._y, self._t = y, as_outputs(t, y.shape)
        return self.losses(self._y, self._t)

    def backward_each(self, dout: Array) -> Array:
        """Return ``dout * slope``, of the shape of ``y``."""
        dy = self.slopes(self._y, self._t)
        return np.multiply(dy, dout, out=dy)
