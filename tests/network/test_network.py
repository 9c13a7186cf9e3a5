import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from nesting import Chain, Gate

from layerkit import (
    DataError,
    Layer,
    LayerkitError,
    Network,
    Node,
    NonFiniteError,
    PluginError,
    ShapeError,
    UserError,
)
from layerkit.builtin.layers import (
    Add,
    Affine,
    BatchNorm,
    Dropout,
    LayerNorm,
    Mul,
    Relu,
    Reshape,
    Sigmoid,
    Tanh,
)
from layerkit.builtin.losses import MeanSquaredError, SoftmaxWithLoss
from layerkit.errors import NotReadyError
from layerkit.initializers import Normal

BATCH = np.random.default_rng(0).normal(size=(5, 4))
LABELS = np.array([0, 2, 1, 1, 0])


def classifier(*hidden, seed=0, dtype="float64"):
    """Return a network of 4 inputs and 3 classes, with some layers before the last."""
    layers = [*hidden, Affine(3)]
    return Network(layers, (4,), loss=SoftmaxWithLoss(), dtype=dtype).initialize(seed)


def assert_gradients_agree(network, x=BATCH, t=LABELS):
    numerical = network.numerical_gradient(x, t)
    exact = network.gradient(x, t)
    assert list(exact) == list(numerical)
    for name in exact:
        np.testing.assert_allclose(exact[name], numerical[name], atol=1e-8, err_msg=name)


class Doubled(Layer):
    """``y = 2 x``, with a gradient that a test chooses."""

    def __init__(self, gradient):
        self.gradient = gradient

    def forward(self, x):
        return 2 * x

    def backward(self, dout):
        return self.gradient(dout)


# One vector


def test_every_value_and_gradient_is_a_view_of_one_vector_in_the_order_of_the_layers():
    network = classifier(Affine(5), Relu())
    first, last = network.nodes[0].layer, network.nodes[2].layer

    network.params[:] = np.arange(43)
    network.grads[:] = -np.arange(43)

    assert network.parameter_count == 4 * 5 + 5 + 5 * 3 + 3 == 43
    assert first.W.value.ravel().tolist() == list(range(20))
    assert first.b.value.tolist() == [20, 21, 22, 23, 24]
    assert last.W.value.ravel().tolist() == list(range(25, 40))
    assert last.b.grad.tolist() == [-40, -41, -42]


def test_assigning_to_a_parameter_writes_into_the_vector():
    network = classifier()
    affine = network.nodes[0].layer

    affine.W.value = np.ones((4, 3))
    affine.b.grad = [1, 2, 3]
    affine.b.grad += 10

    assert network.params[:12].tolist() == [1] * 12
    assert network.grads[12:].tolist() == [11, 12, 13]


def test_states_have_a_vector_of_their_own_and_are_not_trained():
    network = classifier(BatchNorm())

    network.states[:] = [1, 2, 3, 4, 5, 6, 7, 8]

    assert network.nodes[0].layer.running_mean.value.tolist() == [1, 2, 3, 4]
    assert network.nodes[0].layer.running_var.value.tolist() == [5, 6, 7, 8]
    assert list(network.parameters) == [
        "layers[0].gamma",
        "layers[0].beta",
        "layers[1].W",
        "layers[1].b",
    ]


def test_the_parts_of_other_vectors_are_found_under_the_names_of_the_variables():
    network = classifier(BatchNorm())

    named = network.named(np.arange(23), np.arange(100, 108))

    assert list(named) == list(network.variables)
    assert named["layers[0].beta"].tolist() == [4, 5, 6, 7]
    assert named["layers[0].running_var"].tolist() == [104, 105, 106, 107]
    assert named["layers[1].W"].shape == (4, 3)
    assert named["layers[1].b"].tolist() == [20, 21, 22]


def test_the_constructor_counts_and_infers_shapes_and_allocates_nothing():
    network = Network([Affine(10**9), Relu(), Affine(10**6)], (10**6,))

    assert network.parameter_count == 10**15 + 10**9 + 10**15 + 10**6
    assert network.shapes == [(10**6,), (10**9,), (10**9,), (10**6,)]
    assert network.output_shape == (10**6,)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_everything_is_computed_in_the_type_of_the_network(dtype):
    network = classifier(Affine(5), BatchNorm(), Gate(), Dropout(), dtype=dtype)

    network.train_step(BATCH.astype(dtype), LABELS)
    douts = network.backward(np.ones_like(network.forward(BATCH.astype(dtype), training=True)))

    assert {v.dtype for v in network.values} == {np.dtype(dtype)}
    assert {d.dtype for d in douts if d is not None} == {np.dtype(dtype)}
    assert {network.params.dtype, network.grads.dtype, network.states.dtype} == {np.dtype(dtype)}


# Numbers that repeat


def test_the_same_seed_gives_the_same_numbers():
    one, other, different = (
        classifier(Affine(5), Dropout(), seed=seed).gradient(BATCH, LABELS) for seed in (7, 7, 8)
    )

    for name in one:
        np.testing.assert_array_equal(one[name], other[name])
    assert (one["layers[0].W"] != different["layers[0].W"]).any()


def test_a_changed_layer_leaves_the_first_values_of_the_others_alone():
    plain = classifier(Affine(5), Relu(), Affine(6))
    changed = classifier(Affine(5, weight_init=Normal()), Dropout(), Affine(6))

    same = [
        n for n, p in plain.parameters.items() if (p.value == changed.parameters[n].value).all()
    ]

    assert same == ["layers[0].b", "layers[2].W", "layers[2].b", "layers[3].W", "layers[3].b"]


def test_a_layer_that_draws_leaves_what_the_others_draw_alone():
    one = classifier(Dropout(), Dropout())
    other = classifier(Relu(), Dropout())

    one.train_step(BATCH, LABELS)
    other.train_step(BATCH, LABELS)

    np.testing.assert_array_equal(one.nodes[1].layer._mask, other.nodes[1].layer._mask)
    assert (one.nodes[0].layer._mask != one.nodes[1].layer._mask).any()


def test_initialize_starts_over():
    network = classifier(Affine(5), BatchNorm(), Dropout())
    before = network.params.copy(), network.states.copy()
    first = network.train_step(BATCH, LABELS)
    network.params += 1

    network.initialize(0)

    np.testing.assert_array_equal(network.params, before[0])
    np.testing.assert_array_equal(network.states, before[1])
    assert network.train_step(BATCH, LABELS) == first


# The book's interface


def test_predict_gives_an_array_that_the_next_predict_leaves_alone():
    network = classifier()

    first = network.predict(BATCH)
    kept = first.copy()
    network.predict(-BATCH)

    np.testing.assert_array_equal(first, kept)


def test_the_numbers_of_a_small_network_are_those_worked_out_by_hand():
    network = Network([Affine(2), Relu(), Affine(1)], (2,), loss=MeanSquaredError())
    network.initialize()
    network.params[:] = [1, -1, 2, 1, 0.5, 0, 3, 2, -1]  # W, b; W, b
    x, t = np.array([[1.0, 2]]), np.array([4.0])

    # x W + b = [5.5, 1]; relu keeps both; y = 3 * 5.5 + 2 * 1 - 1 = 17.5
    assert network.predict(x).tolist() == [[17.5]]
    assert network.loss(x, t) == 13.5**2
    # dy = 2 * 13.5 = 27
    gradient = {name: g.tolist() for name, g in network.gradient(x, t).items()}
    assert gradient == {
        "layers[0].W": [[81, 54], [162, 108]],
        "layers[0].b": [81, 54],
        "layers[2].W": [[148.5], [27]],
        "layers[2].b": [27],
    }


def test_predict_loss_and_accuracy_tell_of_the_same_output():
    network = classifier(Affine(6), Tanh())

    y = network.predict(BATCH)

    assert network.loss(BATCH, LABELS) == SoftmaxWithLoss().forward(y, LABELS)
    assert network.accuracy(BATCH, LABELS) == np.mean(y.argmax(axis=1) == LABELS)


@pytest.mark.parametrize("count", [9, 10, 11, 37])
def test_predict_takes_a_large_batch_in_parts_that_give_the_same(count):
    class Rows(Relu):
        def forward(self, x):
            seen.append(len(x))
            return super().forward(x)

    x, seen = np.random.default_rng(0).normal(size=(count, 4)), []
    network = classifier(Rows(), Affine(6), Tanh())
    whole = network.forward(x).copy()
    network.rows_at_once = 10
    seen.clear()

    np.testing.assert_allclose(network.predict(x), whole, rtol=1e-12)
    assert seen == [10] * (count // 10) + [count % 10] * (count % 10 > 0)


@pytest.mark.parametrize(
    ("width", "rows"), [(1, 4096), (1000, 2097), (2**22, 1)], ids=["narrow", "wide", "wider"]
)
def test_a_part_is_what_caches_hold_of_the_widest_layer(width, rows):
    assert Network([Affine(width)], (1,)).rows_at_once == rows


def test_predict_tells_the_shape_of_a_whole_batch_that_does_not_fit():
    network = classifier()
    network.rows_at_once = 10

    with pytest.raises(ShapeError, match=re.escape("takes (batch, 4), got (37, 3)")):
        network.predict(np.zeros((37, 3)))


@pytest.mark.parametrize(
    "t",
    [LABELS[:1], LABELS[:, None], LABELS[0], np.eye(4)[LABELS], LABELS[None]],
    ids=["fewer", "column", "one", "more classes", "row"],
)
def test_accuracy_refuses_targets_of_another_shape(t):
    message = (
        "accuracy takes labels of shape (5,), or one-hot targets of shape (5, 3), for at least one "
        f"example, got {np.shape(t)}"
    )

    with pytest.raises(ShapeError, match=re.escape(message)):
        classifier().accuracy(BATCH, t)


def test_accuracy_of_no_examples_is_refused():
    with pytest.raises(ShapeError, match="for at least one example"):
        classifier().accuracy(BATCH[:0], LABELS[:0])


def test_accuracy_takes_labels_or_one_hot():
    network = classifier()
    right = network.predict(BATCH).argmax(axis=1)
    half = np.array([*right[:2], *(right[2:] + 1) % 3])

    assert network.accuracy(BATCH, right) == 1
    assert network.accuracy(BATCH, half) == 0.4
    assert network.accuracy(BATCH, np.eye(3)[half]) == 0.4
    assert network.accuracy(BATCH, list(half)) == 0.4


def test_accuracy_counts_each_position_alone():
    network = Network([Tanh()], (4, 3)).initialize()
    x = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32)
    right = x.argmax(axis=-1)
    half = np.array(right)
    half[:, :2] = (half[:, :2] + 1) % 3

    assert network.accuracy(x, right) == 1
    assert network.accuracy(x, half) == 0.5
    assert network.accuracy(x, np.eye(3)[half]) == 0.5


def test_both_gradients_agree():
    assert_gradients_agree(classifier(Affine(6), Tanh(), Affine(5), LayerNorm(), Sigmoid()))


def test_both_gradients_agree_where_layers_draw_or_keep_something():
    assert_gradients_agree(classifier(Affine(6), BatchNorm(), Dropout(), Gate(), Dropout(0.2)))


def test_the_numerical_gradient_can_be_taken_at_some_indices():
    network = classifier()
    full = network.numerical_gradient(BATCH, LABELS)

    some = network.numerical_gradient(BATCH, LABELS, {"layers[0].W": [11, 0], "layers[0].b": [1]})

    assert some["layers[0].W"].tolist() == full["layers[0].W"].ravel()[[11, 0]].tolist()
    assert some["layers[0].b"].tolist() == [full["layers[0].b"][1]]


def test_the_numerical_gradient_of_a_float32_network_is_refused():
    with pytest.raises(ValueError, match='use a network with dtype="float64"'):
        classifier(dtype="float32").numerical_gradient(BATCH, LABELS)


def test_gradient_returns_arrays_that_the_next_step_leaves_alone():
    network = classifier()

    first = network.gradient(BATCH, LABELS)
    kept = first["layers[0].W"].copy()
    network.gradient(-BATCH, LABELS)

    np.testing.assert_array_equal(first["layers[0].W"], kept)


def test_gradients_are_set_and_not_added_up():
    network = classifier(Affine(5), BatchNorm(), LayerNorm())

    first = network.gradient(BATCH, LABELS)
    second = network.gradient(BATCH, LABELS)

    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


def test_evaluation_neither_drops_nor_moves_the_running_means():
    network = classifier(BatchNorm(), Dropout())
    states = network.states.copy()

    assert network.loss(BATCH, LABELS) == network.loss(BATCH, LABELS)
    np.testing.assert_array_equal(network.states, states)
    assert network.loss(BATCH, LABELS, training=True) != network.loss(BATCH, LABELS, training=True)
    assert (network.states != states).any()


def test_a_network_without_a_loss_says_so():
    network = Network([Affine(3)], (4,)).initialize()

    with pytest.raises(LayerkitError, match="this network has no loss; give it one"):
        network.loss(BATCH, LABELS)


def test_a_network_that_is_not_initialized_says_so():
    with pytest.raises(UserError, match=r"never initialised; call network.initialize\(seed\)"):
        Network([Affine(3)], (4,)).predict(BATCH)


def test_a_loss_is_a_float():
    network = Network([Affine(1)], (4,), loss=MeanSquaredError()).initialize()

    assert type(network.loss(BATCH, LABELS)) is float
    assert type(network.train_step(BATCH, LABELS)) is float


# Layers inside layers


def test_parameters_inside_layers_have_dotted_names_and_stand_in_the_vector():
    network = classifier(Chain(Affine(5), Chain(Relu(), Affine(4))), Gate())

    assert list(network.parameters) == [
        "layers[0].layers.0.W",
        "layers[0].layers.0.b",
        "layers[0].layers.1.layers.1.W",
        "layers[0].layers.1.layers.1.b",
        "layers[1].inner.layers.0.W",
        "layers[1].inner.layers.0.b",
        "layers[2].W",
        "layers[2].b",
    ]
    assert network.parameter_count == 25 + 24 + 20 + 15 == len(network.params)


def test_layers_inside_layers_are_handed_everything():
    dropout = Dropout()
    network = classifier(Chain(Affine(5), dropout), Gate(), dtype="float32")

    network.forward(BATCH, training=True)
    was_training = dropout.training
    network.forward(BATCH, training=False)

    assert (was_training, dropout.training) == (True, False)
    assert dropout.dtype == np.float32
    assert dropout.rng is network.nodes[0].layer.rng
    assert network.nodes[1].layer.inner.layers[0].dtype == np.float32


def test_gradients_inside_layers_agree():
    assert_gradients_agree(classifier(Chain(Affine(5), Chain(Tanh(), Affine(4))), Gate()))


def test_a_layer_inside_another_is_asked_for_the_gradient_of_its_input():
    first = Chain(Affine(5), Affine(4))

    classifier(first)

    assert first.needs_input_grad is False
    assert [layer.needs_input_grad for layer in first.layers] == [True, True]


# Graphs


def residual():
    """Return ``affine(a + tanh(affine(a)))`` for ``a = affine(x)``."""
    nodes = [
        Node(Affine(4), (0,), "a", "affine"),
        Node(Affine(4), (1,), "b", "affine"),
        Node(Tanh(), (2,), "c", "tanh"),
        Node(Add(), (1, 3), "sum", "add"),
        Node(Affine(3), (4,), "out", "affine"),
    ]
    return Network(nodes, (4,), loss=SoftmaxWithLoss(), dtype="float64").initialize()


def thrice():
    """Return a network one of whose outputs is used three times, once together with itself."""
    nodes = [
        Node(Affine(3), (0,), "a", "affine"),
        Node(Mul(), (1, 1), "square", "mul"),
        Node(Mul(), (2, 1), "cube", "mul"),
        Node(Add(), (1, 2, 3), "sum", "add"),
    ]
    return Network(nodes, (4,), loss=SoftmaxWithLoss(), dtype="float64").initialize()


def gated():
    """Return ``sigmoid(affine(x)) * affine(x)``: a gate over what it lets through."""
    nodes = [
        Node(Affine(3), (0,), "gate", "affine"),
        Node(Sigmoid(), (1,), "open", "sigmoid"),
        Node(Affine(3), (0,), "content", "affine"),
        Node(Mul(), (3, 2), "out", "mul"),
    ]
    return Network(nodes, (4,), loss=SoftmaxWithLoss(), dtype="float64").initialize()


@pytest.mark.parametrize("make", [residual, thrice, gated])
def test_gradients_of_branches_are_summed(make):
    assert_gradients_agree(make())


def test_a_value_used_three_times_receives_the_sum_of_three_derivatives():
    nodes = [
        Node(Mul(), (0, 0), "square", "mul"),
        Node(Mul(), (1, 0), "cube", "mul"),
        Node(Add(), (0, 1, 2), "sum", "add"),
    ]
    network = Network(nodes, (), dtype="float64").initialize()
    network.needs_input_grads(True)

    y = network.forward(np.array([2.0]))
    dx = network.backward(np.array([1.0]))[0]

    assert y.tolist() == [2 + 4 + 8]
    assert dx.tolist() == [1 + 2 * 2 + 3 * 4]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_in_any_graph_both_gradients_agree(data):
    nodes = [Node(Affine(3), (0,), "layers[0]", "affine")]
    for i in range(1, data.draw(st.integers(1, 7))):
        slot = st.integers(1, i)
        layer = data.draw(st.sampled_from([Affine(3), Tanh(), Mul(), Add()]))
        inputs = 2 if isinstance(layer, Mul | Add) else 1
        layer = type(layer)(**layer.options())
        nodes.append(
            Node(layer, tuple(data.draw(slot) for _ in range(inputs)), f"layers[{i}]", "any")
        )
    network = Network(nodes, (4,), loss=MeanSquaredError(), dtype="float64").initialize()
    assert_gradients_agree(network, BATCH / 4, np.zeros((5, 3)))


def test_a_network_may_have_several_inputs():
    network = Network([Node(Mul(), (0, 1), "z", "mul")], (2,), (2,), dtype="float64").initialize()
    network.needs_input_grads(True)

    z = network.forward(np.array([[2.0, 3]]), np.array([[5.0, 7]])).tolist()
    dx, dy, dz = (d.tolist() for d in network.backward(np.array([[1.0, 1]])))

    assert z == [[10, 21]]
    assert (dx, dy, dz) == ([[5, 7]], [[2, 3]], [[1, 1]])


# What backward leaves out


def gradients(network, x, t):
    """Return the gradient of the loss with respect to every value of a network."""
    network.loss(x, t, training=True)
    return network.backward(network.loss_function.backward())


def test_no_layer_computes_a_gradient_that_leads_to_no_parameter():
    network = classifier(Relu(), Affine(4), Relu())

    douts = gradients(network, BATCH, LABELS)

    assert [node.layer.needs_input_grad for node in network.nodes] == [False, False, True, True]
    assert [d is None for d in douts] == [True, True, False, False, False]


def test_the_gradient_by_the_inputs_is_there_when_it_is_wanted():
    network = classifier(Relu(), Affine(4))
    x = BATCH.copy()
    network.needs_input_grads(True)

    dx = gradients(network, x, LABELS)[0].copy()
    flat = x.reshape(-1)
    for i in (0, 7, 19):
        at, h = flat[i], 1e-5
        flat[i] = at + h
        above = network.loss(x, LABELS)
        flat[i] = at - h
        below = network.loss(x, LABELS)
        flat[i] = at
        assert dx.reshape(-1)[i] == pytest.approx((above - below) / (2 * h), abs=1e-8)


def test_the_gradient_by_the_inputs_can_be_unwanted_again():
    network = classifier(Affine(4))
    network.needs_input_grads(True)
    network.needs_input_grads(False)

    assert gradients(network, BATCH, LABELS)[0] is None


# What is refused


def test_a_layer_that_does_not_fit_is_told_with_the_one_before_it():
    with pytest.raises(ShapeError) as caught:
        Network([Reshape((2, 2)), Affine(3)], (4,))

    assert str(caught.value) == (
        "layers[1] (Affine) takes vectors, but layers[0] (Reshape) gives (2, 2); "
        'put "flatten" between them'
    )
    assert caught.value.layer == 1


def test_a_first_layer_that_does_not_fit_is_told_with_the_input():
    with pytest.raises(ShapeError, match=r"takes vectors, but the input gives \(2, 2\)"):
        Network([Affine(3)], (2, 2))


def test_a_layer_of_two_inputs_that_does_not_fit_is_told_with_both():
    nodes = [
        Node(Affine(3), (0,), "a", "affine"),
        Node(Mul(), (0, 1), "gate", "mul"),
    ]
    with pytest.raises(ShapeError) as caught:
        Network(nodes, (4,))

    assert str(caught.value) == (
        "gate (mul) takes two inputs of one shape, but the input gives (4,) and a (affine) "
        "gives (3,)"
    )


@pytest.mark.parametrize(
    ("names", "which"),
    [((), "input 0 of the network"), (("apple", "price"), 'the input "apple"')],
)
def test_several_inputs_are_told_apart(names, which):
    with pytest.raises(ShapeError) as caught:
        Network([Node(Mul(), (0, 1), "z", "mul")], (), (2,), input_names=names)

    assert f"but {which} gives () and" in str(caught.value)


@pytest.mark.parametrize(
    "rubbish", [None, 3, [3], (3, None), (2.0,), (-1,), "ab"], ids=lambda value: repr(value)
)
def test_a_build_that_returns_no_shape_is_refused(rubbish):
    class Odd(Relu):
        def build(self, shape):
            return rubbish

    with pytest.raises(PluginError) as caught:
        Network([Relu(), Odd()], (4,))

    assert str(caught.value) == (
        f"layers[1] (Odd): build must return a shape, a tuple of ints, got {rubbish!r}"
    )


def test_a_layer_that_stands_at_two_places_is_refused():
    relu = Relu()

    with pytest.raises(UserError) as caught:
        Network([Affine(4), relu, Affine(4), Chain(Chain(relu))], (4,))

    assert str(caught.value) == (
        "layers[3] (Chain) is, or holds, the same layer as layers[1] (Relu); make one for each "
        "place, because it keeps what its backward needs"
    )


def test_two_parameters_of_one_name_are_refused():
    nodes = [Node(Affine(4), (0,), "a", "affine"), Node(Affine(4), (1,), "a", "affine")]

    with pytest.raises(UserError, match=r'two parameters are called "a\.W"; rename a layer'):
        Network(nodes, (4,))


@pytest.mark.parametrize(
    ("batch", "got"),
    [
        (np.zeros(4), "(4,); add a batch axis: x[None]"),
        (np.zeros((5, 3)), "(5, 3)"),
        (np.zeros((5, 2, 2)), "(5, 2, 2)"),
        (np.zeros((5, 1)), "(5, 1)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_batch_of_another_shape_is_refused(batch, got):
    with pytest.raises(ShapeError) as caught:
        classifier(Sigmoid()).predict(batch)

    assert str(caught.value) == f"the network takes (batch, 4), got {got}"


def test_a_missing_input_is_refused():
    network = Network([Node(Add(), (0, 1), "sum", "add")], (), ()).initialize()

    with pytest.raises(ShapeError) as caught:
        network.forward(np.zeros(5))

    assert str(caught.value) == "the network takes (batch,) and (batch,), got (5,)"


def test_a_batch_that_a_layer_cannot_do_with_is_told_with_the_layer():
    with pytest.raises(ShapeError) as caught:
        classifier(Affine(5), BatchNorm()).train_step(BATCH[:1], LABELS[:1])

    assert str(caught.value).startswith("layers[1] (BatchNorm) takes batches with more than one")


@pytest.mark.parametrize(
    ("gradient", "got"),
    [
        (lambda dout: None, "None"),
        (lambda dout: dout[0], "one of shape (4,)"),
        (lambda dout: dout[:, :1], "one of shape (5, 1)"),
        (lambda dout: 2.0, "one of shape ()"),
        (lambda dout: [dout], "one of shape (1, 5, 4)"),
    ],
)
def test_a_backward_that_returns_another_shape_is_refused(gradient, got):
    network = classifier(Affine(4), Doubled(gradient))

    with pytest.raises(PluginError) as caught:
        network.train_step(BATCH, LABELS)

    assert str(caught.value) == (
        "layers[1] (Doubled): backward must return a gradient of shape (5, 4) for its input of "
        f"that shape, got {got}"
    )


def test_a_backward_that_returns_too_few_gradients_is_refused():
    class Forgetful(Mul):
        def backward(self, dout):
            return super().backward(dout)[0]

    nodes = [Node(Affine(4), (0,), "a", "affine"), Node(Forgetful(), (1, 1), "b", "mul")]
    network = Network(nodes, (4,), loss=MeanSquaredError(), dtype="float64").initialize()

    with pytest.raises(PluginError) as caught:
        network.train_step(BATCH, BATCH)

    assert str(caught.value) == (
        "b (mul): backward must return one gradient for each of 2 inputs, got 1"
    )


def test_a_backward_may_return_none_where_nobody_wants_the_gradient():
    network = classifier(Doubled(lambda dout: None))

    assert network.gradient(BATCH, LABELS)["layers[1].W"].any()


# Where a number stopped being finite


def test_finite_networks_have_no_first_place_that_is_not_finite():
    network = classifier(Affine(5), Relu())
    before = network.first_non_finite()
    network.predict(BATCH)

    assert (before, network.first_non_finite()) == (None, None)


def test_the_first_place_that_is_not_finite_is_named_with_what_is_in_it():
    network = classifier(Affine(5), Relu(), Chain(Affine(4)))

    network.nodes[2].layer.layers[0].b.value[1] = np.inf
    with np.errstate(invalid="ignore"):
        network.predict(BATCH)

    assert network.first_non_finite() == "layers[2] (Chain), in its layers.0.b"


def test_a_state_that_is_not_finite_is_named_too():
    network = classifier(BatchNorm())

    network.nodes[0].layer.running_mean.value[0] = np.nan
    network.predict(BATCH)

    assert network.first_non_finite() == "layers[0] (BatchNorm), in its running_mean"


def test_an_output_that_is_not_finite_is_named_where_all_parameters_are():
    network = classifier(Affine(5), Doubled(lambda dout: dout), Relu())
    network.params[:] = 5e307

    with np.errstate(over="ignore", invalid="ignore"):
        network.predict(np.full((1, 4), 0.2))  # x W + b = (4 * 0.2 + 1) 5e307 = 9e307

    assert network.first_non_finite() == "layers[1] (Doubled), in its output"


def test_data_that_are_not_finite_are_named():
    network = classifier()

    network.predict(BATCH * np.nan)

    assert network.first_non_finite() == "the data"


# Repeatable computations


def test_a_repeatable_computation_draws_the_same_numbers_and_leaves_all_as_it_was():
    network = classifier(Dropout(), BatchNorm())
    states = network.states.copy()
    before = network.nodes[0].layer.rng.bit_generator.state

    loss = network.repeatable(lambda: network.loss(BATCH, LABELS, training=True))
    first, second = loss(), loss()

    assert first == second
    assert network.nodes[0].layer.rng.bit_generator.state == before
    np.testing.assert_array_equal(network.states, states)


def test_it_draws_the_same_numbers_even_after_something_else_has_drawn():
    network = classifier(Dropout(), BatchNorm())

    loss = network.repeatable(lambda: network.loss(BATCH, LABELS, training=True))
    first = loss()
    network.train_step(BATCH, LABELS)

    assert loss() == first


# Memory


def peak(f):
    """Return the most memory that was taken at once during a call."""
    tracemalloc.start()
    try:
        f()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_step_allocates_nothing_that_grows_with_the_batch():
    nodes = [
        Node(Affine(16), (0,), "a", "affine"),
        Node(BatchNorm(), (1,), "b", "batch_norm"),
        Node(Tanh(), (2,), "c", "tanh"),
        Node(Mul(), (3, 1), "d", "mul"),
        Node(Add(), (4, 1, 3), "e", "add"),
        Node(Dropout(), (5,), "f", "dropout"),
        Node(Affine(3), (6,), "g", "affine"),
    ]
    network = Network(nodes, (8,), loss=SoftmaxWithLoss()).initialize()
    rng = np.random.default_rng(0)

    def peak_of_step(count):
        x, t = rng.normal(size=(count, 8)).astype(np.float32), rng.integers(0, 3, count)
        network.train_step(x, t)
        return peak(lambda: network.train_step(x, t))

    peak_of_step(10)
    # 4000 examples of 16 float32 take 256,000 bytes in each layer.
    assert peak_of_step(4000) - peak_of_step(1000) < 3_000


def test_layers_and_losses_get_batches_that_they_may_not_change():
    network = classifier(Affine(5), Relu(), BatchNorm(), Dropout(), LayerNorm(), Gate())
    x, t = BATCH.copy(), LABELS.copy()
    x.flags.writeable = t.flags.writeable = False

    network.gradient(x, t)
    network.predict(x)

    np.testing.assert_array_equal(x, BATCH)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([["a"] * 3] * 5, "got <U1"),
        (np.ones((1, 4)) * 1j, "got complex128"),
        (np.ma.array(np.ones((1, 4)), mask=True), "got a masked array"),
        ([[1, 2], [3]], "must be an array of numbers"),
        (np.zeros((1, 4), "M8[s]"), "got datetime64"),
    ],
    ids=["text", "complex", "masked", "ragged", "dates"],
)
def test_examples_that_are_no_numbers_are_refused(x, message):
    with pytest.raises(DataError, match=re.escape(message)):
        classifier().predict(x)


def test_a_loss_over_no_examples_is_refused():
    with pytest.raises(ShapeError, match="at least one example"):
        classifier().gradient(BATCH[:0], LABELS[:0])


# What belongs to one pass, and to one training


def after_forward():
    """Return a network that may go back, and the gradient with which it does."""
    network = classifier(Affine(4))
    y = network.forward(BATCH, training=True)
    return network, np.ones_like(y)


@pytest.mark.parametrize(
    "other",
    [
        lambda n: n.gradient(BATCH, LABELS),
        lambda n: n.train_step(BATCH, LABELS),
        lambda n: n.numerical_gradient(BATCH, LABELS),
        lambda n: n.predict(BATCH),
        lambda n: setattr(n, "params", n.params + 1),
    ],
    ids=["gradient", "train_step", "numerical_gradient", "predict", "params"],
)
def test_no_gradient_goes_back_through_another_pass(other):
    network, dout = after_forward()
    other(network)

    with pytest.raises(NotReadyError, match=r"call network\.forward\(x\) again"):
        network.backward(dout)


@pytest.mark.parametrize(
    ("dout", "message"),
    [
        (np.ones((5, 3), complex), "dout must be an array of integers or floats, got complex128"),
        (np.ma.masked_array(np.ones((5, 3))), "got a masked array"),
        (np.array([["a"] * 3] * 5), "dout must be an array of integers or floats"),
    ],
    ids=["complex", "masked", "text"],
)
def test_a_gradient_that_is_no_array_of_numbers_is_refused(dout, message):
    network, _ = after_forward()

    with pytest.raises(DataError, match=message):
        network.backward(dout)


def test_gradients_may_be_set_before_they_are_computed():
    network, dout = after_forward()

    network.grads = 0
    network.backward(dout)

    assert np.abs(network.grads).max() > 0


def test_a_gradient_may_be_given_as_a_list():
    network, dout = after_forward()
    expected = [d.copy() for d in network.backward(dout) if d is not None]
    network.forward(BATCH, training=True)

    found = [d for d in network.backward(dout.tolist()) if d is not None]

    assert all((a == b).all() for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("values", [np.nan + 1j, "a", np.ones(20) * 1j], ids=repr)
def test_parameters_are_numbers(values):
    network = classifier(Affine(4))

    with pytest.raises((DataError, UserError), match="params must"):
        network.params = values


def test_parameters_that_become_infinite_are_refused():
    network = classifier(Affine(4), dtype="float32")
    before = network.params.copy()

    with pytest.raises(DataError, match=r"params .*float32"):
        network.params = np.full(network.params.size, 1e300)

    assert (network.params == before).all()


def test_nobody_scores_outputs_that_are_not_finite():
    network = classifier(Affine(4))
    network.params = np.full(network.params.size, np.nan)

    with pytest.raises(NonFiniteError, match=r"arose in layers\[0\]"):
        network.accuracy(BATCH, LABELS)


def test_one_output_has_no_largest():
    network = Network([Affine(1)], (4,)).initialize()

    with pytest.raises(ShapeError, match="at least two outputs, and the network has one"):
        network.accuracy(np.ones((3, 4)), np.zeros(3, int))
