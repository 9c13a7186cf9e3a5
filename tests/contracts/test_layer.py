import copy
import pickle

import numpy as np
import pytest
from nesting import Chain, Gate

from layerkit import Layer, Network, Parameter, ShapeError, State, load_registry
from layerkit.builtin.layers import Add, Affine, Dropout, Mul, Relu
from layerkit.contracts.layer import input_count
from layerkit.initializers import Normal
from layerkit.testing.laws.layers.uses import uses
from layerkit.testing.subject import Subject


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


# One example without its batch axis

BUILT_IN = [
    e.cls
    for e in load_registry()
    if e.cls.kind == "layer" and not e.cls.__module__.startswith("layerkit_")
]


@pytest.mark.parametrize("cls", BUILT_IN)
def test_an_example_without_its_batch_axis_is_refused(cls):
    for use in uses(Subject(cls, load_registry())):
        layer, _ = use.initialized()
        shapes = " and ".join(f"(batch, {', '.join(map(str, s))})" for s in use.example.shapes)
        examples = " and ".join(map(str, use.example.shapes))

        with pytest.raises(ShapeError) as refusal:
            layer.forward(*[x[0] for x in use.inputs(1)])

        assert str(refusal.value) == (
            f"{cls.__name__} takes {shapes}, got {examples}; add a batch axis: x[None]"
        )


@pytest.mark.parametrize("x", [np.ones((2, 4)), np.ones((2, 2, 3)), np.float64(3), 3.0])
def test_so_is_a_batch_of_another_shape(x):
    affine = Affine(2)
    affine.initialize((3,))

    with pytest.raises(ShapeError, match=r"^Affine takes \(batch, 3\), got"):
        affine.forward(x)
    with pytest.raises(ShapeError, match=r"^Affine takes \(batch, 3\), got"):
        affine.forward(x=x)
    assert affine.forward(x=np.ones((1, 3))).shape == (1, 2)


def test_a_layer_of_numbers_takes_a_vector_of_them():
    relu = Relu()
    relu.initialize(())

    assert relu.forward(np.array([1.0, -1.0])).tolist() == [1, 0]
    with pytest.raises(ShapeError, match=r"^Relu takes \(batch,\), got \(\); add a batch axis"):
        relu.forward(np.float64(1))


def test_inputs_of_several_batches_are_refused():
    add = Add()
    add.initialize((3,), (3,))

    with pytest.raises(ShapeError, match=r"got \(2, 3\) and \(1, 3\)$"):
        add.forward(np.ones((2, 3)), np.ones((1, 3)))
    with pytest.raises(ShapeError, match="got"):
        add.forward(*[np.ones((2, 3))] * 3)


def test_a_layer_of_a_network_is_guarded_where_it_is_called_alone():
    affine = Affine(2)
    network = Network([affine, Relu()], (3,)).initialize()

    assert network.predict(np.ones((1, 3))).shape == (1, 2)
    with pytest.raises(ShapeError, match="add a batch axis"):
        affine.forward(np.ones(3))


def test_what_counts_are_the_shapes_it_was_built_for_last():
    affine = Affine(2)
    affine.initialize((3,))
    outer = Chain(affine)

    outer.initialize((5,))

    assert outer.forward(np.ones((1, 5))).shape == (1, 2)


def test_a_subclass_may_hand_its_parent_inputs_of_another_shape():
    class Beside(Affine):
        def build(self, shape):
            return super().build((2 * shape[0],))

        def forward(self, x):
            return super().forward(np.concatenate([x, -x], axis=1))

    beside = Beside(2)
    beside.initialize((3,))

    assert beside.forward(np.ones((4, 3))).shape == (4, 2)
    assert Network([Beside(2)], (3,)).initialize().predict(np.ones((4, 3))).shape == (4, 2)
    with pytest.raises(ShapeError, match="add a batch axis"):
        beside.forward(np.ones(3))


def test_a_forward_that_comes_from_another_class_is_guarded_too():
    class Halves:
        def forward(self, x):
            return x / 2

    class Half(Halves, Layer):
        def backward(self, dout):
            return dout / 2

    half = Half()
    half.initialize((3,))

    with pytest.raises(ShapeError, match=r"^Half takes"):
        half.forward(np.ones(3))
    assert Network([Half()], (3,)).initialize().predict(np.ones((1, 3))).tolist() == [[0.5] * 3]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_is_guarded_as_well(copied):
    relu = Relu()
    relu.initialize((3,))

    twin = copied(relu)
    y = twin.forward(np.array([[1.0, -1, 2]]))

    assert y.tolist() == [[1, 0, 2]]
    with pytest.raises(ShapeError, match="add a batch axis"):
        twin.forward(np.ones(3))


# Plain numbers, as the chapter writes them


def test_mul_takes_numbers_of_python():
    mul_apple, mul_tax = Mul(), Mul()

    price = mul_tax.forward(mul_apple.forward(100, 2), 1.1)
    dapple_price, dtax = mul_tax.backward(1)
    dapple, dapple_num = mul_apple.backward(dapple_price)

    assert price == pytest.approx(220)
    assert [dapple_price, dtax, dapple, dapple_num] == pytest.approx([1.1, 200, 2.2, 110])
    assert mul_apple.forward(10**20, 10**20) == 10**40


def test_add_takes_numbers_of_python():
    add = Add()

    assert add.forward(200, 450) == 650
    assert add.backward(1.1) == (1.1, 1.1)
    assert add.forward(1, 2, 3) == 6
    assert add.backward(1) == (1, 1, 1)


def test_what_an_earlier_call_returned_stays():
    mul = Mul()

    first = mul.forward(100, 2)
    mul.forward(3, 4)

    assert first == 200


@pytest.mark.parametrize("layer", [Mul(), Add()], ids=str)
def test_a_number_and_an_array_are_not_paired(layer):
    with pytest.raises(ShapeError, match=r"of one shape, got \(3,\) and \(\)"):
        layer.forward(np.ones(3), 2.0)
    with pytest.raises(ShapeError, match="of one shape"):
        layer.forward(2.0, np.ones(3))
