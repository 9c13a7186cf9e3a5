"""The Huber loss."""

import numpy as np

from layerkit import Array, PositiveFloat
from layerkit.builtin.losses.elementwise import ElementwiseLoss


class Huber(ElementwiseLoss):
    """Squared error near 0 and absolute error far away, which limits the influence of outliers.

    ``e^2 / 2`` where ``|e| <= delta``, else ``delta (|e| - delta / 2)``, for the error
    ``e = y - t``; averaged over batch and outputs as PyTorch's ``HuberLoss`` does.

    Args:
        delta: The error beyond which the loss grows linearly.

    Shapes:
        y: ``(batch, *shape)``
        t: the shape of ``y``, whose last axis may be omitted if it is 1

    Source:
        Huber (1964), "Robust Estimation of a Location Parameter".
    """

    metrics = ("mean_absolute_error", "r2")

    def __init__(self, delta: PositiveFloat = 1.0) -> None:
        self.delta = delta

    def losses(self, y: Array, t: Array) -> Array:
        """Return ``c (e - c / 2)``, where ``c`` is the error clipped to ``[-delta, delta]``."""
        # c = e gives e^2 / 2; c = delta sign(e) gives delta (|e| - delta / 2).
        losses = np.subtract(y, t, out=self.scratch("losses", y.shape, y.dtype))
        cut = np.clip(losses, -self.delta, self.delta, out=self.scratch("cut", y.shape, y.dtype))
        losses -= np.multiply(cut, 0.5, out=self.scratch("half", y.shape, y.dtype))
        losses *= cut
        return losses

    def slopes(self, y: Array, t: Array) -> Array:
        """Return the error clipped to ``[-delta, delta]``."""
        error = np.subtract(y, t, out=self.scratch("dy", y.shape, y.dtype))
        return np.clip(error, -self.delta, self.delta, out=error)
