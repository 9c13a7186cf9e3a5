"""Mutants of the laws of layers about the types of numbers."""

import numpy as np

from layerkit import Array, Layer
from mutants.catalogue import breaks
from mutants.layers.sound import OfScale, Scale


@breaks("the_type_is_kept", "forward turns float32 into float64")
class Widens(OfScale):
    __doc__ = Scale.__doc__

    def forward(self, x: Array) -> Array:
        return super().forward(x).astype(np.float64)


@breaks(
    "float32_agrees_with_float64", "in float32, the gradient with respect to x is not what it is"
)
class DoublesInFloat32(OfScale):
    __doc__ = Scale.__doc__

    def backward(self, dout: Array) -> Array:
        dx = super().backward(dout)
        return 2 * dx if dx.dtype == np.float32 else dx


@breaks("float32_agrees_with_float64", "the output is not finite for inputs of about 100")
class Overflows(Layer):
    """Smooth rectifier, ``y = log(1 + exp(x))``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    def forward(self, x: Array) -> Array:
        self._exp = np.exp(x)
        return np.log1p(self._exp)

    def backward(self, dout: Array) -> Array:
        return dout / (1 + 1 / self._exp)


@breaks("the_type_is_kept", "forward turns float32 into float64 in evaluation")
class WidensInEvaluation(OfScale):
    __doc__ = Scale.__doc__

    def forward(self, x: Array) -> Array:
        y = super().forward(x)
        return y if self.training else y * np.ones(1)
