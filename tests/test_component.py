import numpy as np

from layerkit import Layer, PositiveInt
from layerkit.builtin.initializers import Normal
from layerkit.builtin.layers import Affine, Relu


class Scaled(Layer):
    """A layer whose options are of several kinds."""

    def __init__(self, factor: float, times: PositiveInt = 2) -> None:
        self.factor = factor
        self.times = times

    def forward(self, x):
        return x

    def backward(self, dout):
        return dout


def test_options_are_those_of_the_constructor_by_name():
    assert Scaled(0.5, times=3).options() == {"factor": 0.5, "times": 3}
    assert Relu().options() == {}


def test_a_component_shows_its_options():
    assert repr(Scaled(0.5)) == "Scaled(factor=0.5, times=2)"
    assert repr(Relu()) == "Relu()"
    assert repr(Affine(3, weight_init=Normal(std=0.1), bias=False)) == (
        "Affine(units=3, weight_init=Normal(mean=0.0, std=0.1), bias_init=Zeros(), bias=False)"
    )


def test_scratch_is_of_the_components_own_type_unless_told():
    layer = Relu()
    layer.dtype = np.float32

    assert layer.scratch("y", (2, 3)).dtype == np.float32
    assert layer.scratch("active", (2, 3), bool).dtype == bool


def test_scratch_is_kept_from_call_to_call_and_apart_from_that_of_others():
    one, other = Relu(), Relu()

    assert one.scratch("y", (2, 3)) is one.scratch("y", (2, 3))
    assert one.scratch("y", (2, 3)) is not other.scratch("y", (2, 3))
