"""Mutants of the laws of layers about memory."""

from typing import Any, ClassVar

import numpy as np

from layerkit import Array, Layer, Parameter, Shape
from mutants.catalogue import breaks
from mutants.layers.sound import Centre, OfCentre, OfScale, Scale


@breaks("inputs_are_left_alone", "backward writes into dout or x")
class WritesIntoDout(OfScale):
    __doc__ = Scale.__doc__

    def backward(self, dout: Array) -> Array:
        dx = super().backward(dout)
        dout *= 2
        return dx


@breaks("inputs_are_left_alone", "forward writes into x")
class WritesIntoX(OfScale):
    __doc__ = Scale.__doc__

    def forward(self, x: Array) -> Array:
        kept = x.copy()
        x += 1
        return super().forward(kept)


@breaks("arrays_with_gaps_give_the_same", "go by their axes, not by their memory")
class ReadsMemory(OfScale):
    __doc__ = Scale.__doc__

    def forward(self, x: Array) -> Array:
        return super().forward(x.ravel("K").reshape(x.shape))


@breaks("results_share_no_memory_with_what_came_in", "the output shares memory with x")
class ReturnsItsInput(Layer):
    """Nothing at all, ``y = x``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    def forward(self, x: Array) -> Array:
        return x

    def backward(self, dout: Array) -> Array:
        return dout.copy()


@breaks("results_share_no_memory_with_what_came_in", "shares memory with w; return a copy")
class ReturnsItsParameter(Layer):
    """A trained vector whatever comes in, ``y = w``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    def build(self, shape: Shape) -> Shape:
        self.w = Parameter(shape, 1.0)
        return shape

    def forward(self, x: Array) -> Array:
        self._shape = x.shape
        return np.broadcast_to(self.w.value, x.shape)

    def backward(self, dout: Array) -> Array:
        self.w.grad = dout.sum(axis=0)
        return np.zeros(self._shape, dout.dtype)


@breaks("earlier_passes_leave_no_trace", "depend on the batches that went through before")
class RemembersItsFirstBatch(OfScale):
    __doc__ = Scale.__doc__

    def forward(self, x: Array) -> Array:
        self._first = getattr(self, "_first", len(x))
        # Right for batches of the size of the first, and of 1.
        y = super().forward(x)
        return y if len(x) in (self._first, 1) else y + 1


@breaks("layers_do_not_share", "keep everything in self")
class KeepsInTheClass(Layer):
    """The square, ``y = x^2``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    kept: ClassVar[list[Array]] = []

    def forward(self, x: Array) -> Array:
        self.kept[:] = [x]
        return np.square(x)

    def backward(self, dout: Array) -> Array:
        return 2 * self.kept[0] * dout


@breaks("passes_leave_values_alone", "backward changes mean; only an optimizer changes")
class MovesInBackward(OfCentre):
    __doc__ = Centre.__doc__

    def backward(self, dout: Array) -> Array:
        if self._trains:
            self.mean.value *= 0.9
        return super().backward(dout)

    def forward(self, x: Array) -> Array:
        self._trains = self.training
        return super().forward(x)


@breaks("passes_leave_values_alone", "backward changes the output that forward returned")
class WritesIntoItsOutput(Layer):
    """The square, ``y = x^2``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    def forward(self, x: Array) -> Array:
        self._x = x
        self._y = np.square(x)
        return self._y

    def backward(self, dout: Array) -> Array:
        np.multiply(2 * self._x, dout, out=self._y)
        return self._y.copy()


@breaks("layers_do_not_share", "nothing in the class or the module")
class SharesAGradient(Layer):
    """The sine, ``y = sin(x)``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    shared: ClassVar[dict[Any, Array]] = {}

    def forward(self, x: Array) -> Array:
        self._x = x
        return np.sin(x)

    def backward(self, dout: Array) -> Array:
        dx = self.shared.setdefault((dout.shape, dout.dtype.str), np.empty_like(dout))
        np.cos(self._x, out=dx)
        dx *= dout
        return dx
