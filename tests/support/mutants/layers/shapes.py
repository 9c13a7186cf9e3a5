"""Mutants of the laws of layers about shapes."""

from typing import Any

import numpy as np

from layerkit import Array, Shape
from mutants.catalogue import breaks
from mutants.layers.sound import OfProduct, OfScale, Product, Scale


@breaks("the_shape_is_the_inferred_one", "build says that the output of a batch of 0 is (0, 5, 1)")
class WrongShape(OfScale):
    __doc__ = Scale.__doc__

    def build(self, shape: Shape) -> Shape:
        return (*super().build(shape), 1)


@breaks("the_gradients_have_the_shapes_of_what_they_are_by", "must return gradients of the shapes")
class ExtraGradient(OfScale):
    __doc__ = Scale.__doc__

    def backward(self, dout: Array) -> Any:
        return super().backward(dout), None


@breaks("a_wrong_shape_is_refused_by_name", "forward raises ValueError")
class TakesAnything(OfProduct):
    __doc__ = Product.__doc__

    def build(self, a: Shape, b: Shape) -> Shape:
        return a


@breaks("one_example_without_its_batch_axis_is_refused", "and returns the shape (5,)")
class InitializesItself(OfScale):
    __doc__ = Scale.__doc__

    def initialize(self, *shapes: Shape, rng=0, dtype=np.float64, training=True) -> Shape:
        shape = super().initialize(*shapes, rng=rng, dtype=dtype, training=training)
        self.input_shapes = None
        return shape


@breaks("one_example_without_its_batch_axis_is_refused", "forward raises ValueError")
class LooksForItself(InitializesItself):
    __doc__ = Scale.__doc__

    def forward(self, x: Array) -> Array:
        if x.ndim == self.w.value.ndim:
            raise ValueError("no batch")
        return super().forward(x)
