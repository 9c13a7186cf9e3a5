import numpy as np
import pytest

from layerkit import Layer, Parameter, State
from layerkit.builtin.initializers import Normal
from layerkit.builtin.layers import Add, Affine, Dropout, Mul, Relu
from layerkit.layer import input_count


class Chain(Layer):
    """Layers one after the other, inside one layer."""

    def __init__(self, *layers):
        self.layers = list(layers)

    def build(self, shape):
        for layer in self.layers:
            shape = layer.build(shape)
        return shape

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout):
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout


class Gate(Layer):
    """``y = x relu(V x + c)``; its inner layers are made when the shape is known."""

    def build(self, shape):
        self.inner = Chain(Affine(shape[0]), Relu())
        return self.inner.build(shape)

    def forward(self, x):
        self._x, self._gate = x, self.inner.forward(x)
        return x * self._gate

    def backward(self, dout):
        return dout * self._gate + self.inner.backward(dout * self._x)


def test_a_layer_alone_is_ready_after_initialize():
    affine = Affine(2, weight_init=Normal(std=1))

    shape = affine.initialize((3,), rng=5)

    assert shape == (2,)
    np.testing.assert_array_equal(affine.W.value, np.random.default_rng(5).normal(size=(3, 2)))
    assert affine.b.value.tolist() == [0, 0]
    assert affine.W.value.dtype == np.float64


def test_a_layer_alone_takes_its_type_its_generator_and_whether_it_trains():
    dropout, rng = Dropout(), np.random.default_rng(0)

    dropout.initialize((3,), rng=rng, dtype=np.float32, training=False)

    assert (dropout.dtype, dropout.rng, dropout.training) == (np.float32, rng, False)


def test_build_keeps_the_shape_unless_it_is_written():
    assert Relu().build((3, 4)) == (3, 4)


def test_a_layer_with_layers_inside_hands_everything_down_to_them():
    dropout = Dropout()
    chain = Chain(Affine(4), Chain(dropout))

    chain.initialize((3,), rng=0, dtype=np.float32, training=False)

    assert (dropout.rng, dropout.training, dropout.dtype) == (chain.rng, False, np.float32)
    assert [name for name, _ in chain.variables()] == ["layers.0.W", "layers.0.b"]


def test_layers_that_build_makes_are_handed_everything_too():
    gate = Gate()

    gate.initialize((3,), rng=0, dtype=np.float32, training=False)
    affine = gate.inner.layers[0]

    assert (affine.rng, affine.training, affine.dtype) == (gate.rng, False, np.float32)
    assert gate.forward(np.ones((2, 3), np.float32)).dtype == np.float32


def test_walk_yields_the_layer_and_each_layer_inside_it_once():
    affine, relu = Affine(4), Relu()
    chain = Chain(affine, relu)
    chain.last, chain.pairs = relu, [(Dropout(), None)]

    assert list(chain.walk()) == [chain, affine, relu, chain.pairs[0][0]]


def test_variables_are_parameters_and_states_in_the_order_of_their_declaration():
    class Counting(Relu):
        def build(self, shape):
            self.scale, self.seen = Parameter(shape), State(shape)
            return shape

    layer = Counting()
    layer.build((3,))

    assert layer.variables() == [("scale", layer.scale), ("seen", layer.seen)]


def test_how_many_inputs_a_layer_takes_is_read_off_forward():
    class Concat(Relu):
        def forward(self, *xs):
            return np.concatenate(xs, axis=1)

    assert input_count(Relu) == (1, 1)
    assert input_count(Mul) == (2, 2)
    assert input_count(Add) == (2, None)
    assert input_count(Concat) == (1, None)


def test_a_layer_without_backward_cannot_be_made():
    class Half(Layer):
        def forward(self, x):
            return x / 2

    with pytest.raises(TypeError, match="backward"):
        Half()
