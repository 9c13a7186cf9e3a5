"""Mutants of the laws of layers about gradients."""

from typing import Any

import numpy as np

from layerkit import Array, Layer, Parameter, Shape
from mutants.catalogue import breaks
from mutants.layers.sound import OfProduct, OfScale, Product, Scale


@breaks("gradients_of_inputs_are_the_numerical_ones", "it is 2 times the numerical one")
class DoublesDx(OfScale):
    __doc__ = Scale.__doc__

    def backward(self, dout: Array) -> Array:
        right = super().backward(dout)
        return 2 * right if self.training else right


@breaks(
    "gradients_of_inputs_are_the_numerical_ones", "the gradient with respect to input 1 is wrong"
)
class SwapsOneInput(OfProduct):
    __doc__ = Product.__doc__

    def forward(self, a: Array, b: Array) -> Array:
        self._trains = self.training
        return super().forward(a, b)

    def backward(self, dout: Array) -> tuple[Array, Array]:
        da, db = super().backward(dout)
        return da, da.copy() if self._trains else db


@breaks("gradients_of_parameters_are_the_numerical_ones", "examples are averaged")
class AveragesGradients(OfScale):
    __doc__ = Scale.__doc__

    def backward(self, dout: Array) -> Array:
        dx = super().backward(dout)
        if self.training:
            self.w.grad /= len(dout)
        return dx


@breaks("gradients_of_parameters_are_the_numerical_ones", "a sign is missing")
class WrongSign(OfScale):
    __doc__ = Scale.__doc__

    def backward(self, dout: Array) -> Array:
        dx = super().backward(dout)
        if self.training:
            self.w.grad = -self.w.grad
        return dx


@breaks(
    "backward_goes_with_the_last_forward",
    "after an evaluation, the gradient with respect to x is wrong",
)
class KeepsOnlyInTraining(Layer):
    """The square, ``y = x^2``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    def forward(self, x: Array) -> Array:
        if self.training or not hasattr(self, "_x"):
            self._x = x
        return np.square(x)

    def backward(self, dout: Array) -> Array:
        return 2 * self._x[: len(dout)] * dout


@breaks("gradients_are_set_not_added", "backward adds to the gradient of w")
class Accumulates(OfScale):
    __doc__ = Scale.__doc__

    def backward(self, dout: Array) -> Array:
        before = self.w.grad.copy()
        dx = super().backward(dout)
        self.w.grad += before
        return dx


@breaks("parameters_learn_even_if_nobody_wants_the_input_gradient", "the gradient of w is another")
class ReturnsTooEarly(OfScale):
    __doc__ = Scale.__doc__

    def backward(self, dout: Array) -> Any:
        return super().backward(dout) if self.needs_input_grad else None


@breaks("gradients_of_inputs_are_the_numerical_ones", "the gradient with respect to x is wrong")
class ForgetsItsScale(OfScale):
    __doc__ = Scale.__doc__

    def build(self, shape: Shape) -> Shape:
        self.w = Parameter(shape, 1.0)  # which hides the mistake
        return shape

    def forward(self, x: Array) -> Array:
        self._trains = self.training
        return super().forward(x)

    def backward(self, dout: Array) -> Array:
        right = super().backward(dout)
        return dout.copy() if self._trains else right


@breaks("gradients_of_inputs_are_the_numerical_ones", "are swapped")
class SwapsBothInputs(OfProduct):
    __doc__ = Product.__doc__

    def forward(self, a: Array, b: Array) -> Array:
        self._trains = self.training
        return super().forward(a, b)

    def backward(self, dout: Array) -> tuple[Array, Array]:
        da, db = super().backward(dout)
        return (db, da) if self._trains else (da, db)


@breaks("gradients_of_parameters_are_the_numerical_ones", ", in a batch of 9")
class CountsItsBatch(OfScale):
    __doc__ = Scale.__doc__

    def backward(self, dout: Array) -> Array:
        dx = super().backward(dout)
        if self.training:
            self.w.grad = (dout * self._x)[:4].sum(axis=0)
        return dx
