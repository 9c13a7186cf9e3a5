"""The base class of losses that compare each output with its own target."""

import math
from abc import abstractmethod

import numpy as np

from layerkit import Array, Loss, Shape, Targets, as_outputs, check_finite
from layerkit.builtin.fitting import check_an_output_for_each_number


class ElementwiseLoss(Loss):
    """The mean, over batch and outputs, of a function of an output and its target.

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

    def forward(self, y: Array, t: Array) -> float:
        """Return the mean over batch and outputs.

        Raises:
            ShapeError: The shapes of targets and outputs differ.
            DataError: The loss is not finite because the targets are not.
        """
        self._y, self._t = y, as_outputs(t, y.shape)
        losses = self.losses(self._y, self._t)
        loss = float(np.add.reduce(losses, axis=None) / losses.size)
        if not math.isfinite(loss):
            check_finite(t)
        return loss

    def backward(self, dout: float = 1.0) -> Array:
        """Return ``dout * slope / count``, of the shape of ``y``."""
        dy = self.slopes(self._y, self._t)
        dy *= dout / dy.size
        return dy
