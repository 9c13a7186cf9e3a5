"""How the laws about gradients tell a mistake, and where they look for one."""

from typing import Any

import numpy as np
import pytest
from mutants.layers.sound import OfProduct, OfScale, Scale
from mutants.layers.training import Idles

from layerkit import Array, Layer, Shape, ShapeError


class NeverSetsAGradient(Idles):
    __doc__ = Scale.__doc__

    def forward(self, x: Array) -> Array:
        return super().forward(x)

    def backward(self, dout: Array) -> Array:
        return OfScale.backward(self, dout)


class CutsOff(Layer):
    """Rectifier with an upper bound, ``y = min(max(x, 0), 6)``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    def forward(self, x: Array) -> Array:
        self._x = x
        return np.clip(x, 0, 6)

    def backward(self, dout: Array) -> Array:
        return dout * (self._x > 0)


class Multiplies(Layer):
    """Product of any number of inputs.

    Shapes:
        xs: ``(batch, *shape)``
        y: that shape
    """

    def build(self, *shapes: Shape) -> Shape:
        if len(set(shapes)) > 1:
            raise ShapeError("takes inputs of one shape")
        return shapes[0]

    def forward(self, *xs: Array) -> Array:
        self._count = len(xs)
        return np.prod(xs, axis=0)

    def backward(self, dout: Array) -> tuple[Array, ...]:
        return tuple(dout.copy() for _ in range(self._count))


class ForgetsAnOption(Layer):
    """Fixed scale, ``y = factor x``, or its negative.

    Args:
        factor: What to multiply by.
        negative: Whether to change the sign.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    def __init__(self, factor: float = 2.0, negative: bool = False) -> None:
        self.factor = factor
        self.negative = negative

    def forward(self, x: Array) -> Array:
        return -self.factor * x if self.negative else self.factor * x

    def backward(self, dout: Array) -> Array:
        return 2.0 * dout


@pytest.mark.parametrize(
    ("cls", "where"),
    [
        (CutsOff, "central differences 0"),
        (Multiplies, "[(5,) and (5,)]"),
        (ForgetsAnOption, "1.41]"),
    ],
)
def test_a_gradient_is_tried_where_it_goes_wrong(cls, where, broken):
    assert where in broken(cls)["gradients_of_inputs_are_the_numerical_ones"]


def test_a_gradient_that_is_no_array_is_told(broken):
    class GivesAList(OfProduct):
        def backward(self, dout: Array) -> Any:
            return list(super().backward(dout))

    reason = broken(GivesAList)["gradients_of_inputs_are_the_numerical_ones"]
    assert reason.startswith("backward must return an array, or a tuple of one for each input")


def test_a_gradient_that_is_never_set_is_told_from_one_that_is_added_to(broken):
    found = broken(NeverSetsAGradient)

    assert found["gradients_are_set_not_added"].startswith("backward leaves the gradient of idle")
