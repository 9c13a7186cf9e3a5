"""The mean squared error."""

import numpy as np

from layerkit import Array
from layerkit.builtin.losses.elementwise import ElementwiseLoss


class MeanSquaredError(ElementwiseLoss):
    """Squared error, ``(y - t)^2``, averaged over batch and outputs as PyTorch's ``MSELoss`` does.

    Shapes:
        y: ``(batch, *shape)``
        t: the shape of ``y``, whose last axis may be omitted if it is 1

    Source:
        Saito (2016), "Deep Learning from Scratch", section 4.2.1, which halves the sum over the
        outputs instead.
    """

    metrics = ("mean_absolute_error", "r2")

    def losses(self, y: Array, t: Array) -> Array:
        """Return ``(y - t)^2``."""
        error = np.subtract(y, t, out=self.scratch("losses", y.shape, y.dtype))
        return np.square(error, out=error)

    def slopes(self, y: Array, t: Array) -> Array:
        """Return ``2 (y - t)``."""
        error = np.subtract(y, t, out=self.scratch("dy", y.shape, y.dtype))
        return np.multiply(error, 2, out=error)
