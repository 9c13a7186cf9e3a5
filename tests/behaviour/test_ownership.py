"""A parameter has one owner: sharing between layers or optimizers is refused, naming both."""

import numpy as np
import pytest

from layerkit import Data, Layer, Network, Optimizer, Parameter, Split, State, Trainer, UserError
from layerkit.builtin.layers import Affine, Relu
from layerkit.builtin.losses import MeanSquaredError
from layerkit.builtin.optimizers import SGD
from layerkit.spec import TrainingSettings


class Scale(Layer):
    """``y = w x``, by a parameter that is made elsewhere or here."""

    def __init__(self, w=None):
        self.w = w

    def build(self, shape):
        self.w = self.w or Parameter(shape, 1.0)
        return shape

    def forward(self, x):
        self._x = x
        return x * self.w.value

    def backward(self, dout):
        self.w.grad = (dout * self._x).sum(axis=0)
        return dout * self.w.value


class Holder(Layer):
    """Layers one after the other, kept in whatever way a test chooses."""

    def __init__(self, held, order):
        self.held = held
        self._order = order

    def build(self, shape):
        for layer in self._order():
            shape = layer.build(shape)
        return shape

    def forward(self, x):
        for layer in self._order():
            x = layer.forward(x)
        return x

    def backward(self, dout):
        for layer in reversed(self._order()):
            dout = layer.backward(dout)
        return dout


def in_list(*layers):
    return Holder(list(layers), lambda: layers)


def in_dict(**layers):
    return Holder(dict(layers), lambda: list(layers.values()))


def refusal(*layers, shape=(3,)):
    with pytest.raises(UserError) as caught:
        Network(list(layers), shape)
    return str(caught.value)


def test_one_parameter_in_two_layers_of_a_network_is_refused_naming_both():
    w = Parameter((3,), 2.0)

    assert refusal(Scale(w), Relu(), Scale(w)) == (
        "layers[0] (Scale) and layers[2] (Scale) share a parameter, layers[0].w and "
        "layers[2].w; give each its own, because backward sets a gradient and does not add "
        "to it"
    )


def test_one_state_in_two_layers_is_refused_too():
    class Counting(Relu):
        def __init__(self, seen):
            self.seen = seen

    seen = State(())

    assert "layers[0].seen and layers[1].seen" in refusal(Counting(seen), Counting(seen))


@pytest.mark.parametrize("hold", [in_list, lambda a, b: in_dict(a=a, b=b)], ids=["list", "dict"])
def test_one_parameter_in_two_layers_inside_a_layer_is_refused_naming_both(hold):
    w = Parameter((3,), 2.0)
    layer = hold(Scale(w), Scale(w))

    message = refusal(layer)

    first, second = ("held.0", "held.1") if isinstance(layer.held, list) else ("held.a", "held.b")
    assert f"{first}.w and {second}.w are one parameter" in message
    assert message.startswith("layers[0] (Holder): ")


def test_one_layer_inside_two_others_is_refused_naming_both():
    shared = Affine(3)

    message = refusal(in_list(in_list(shared), in_dict(last=shared)))

    assert "held.0.held.0 and held.1.held.last are one layer" in message


def test_one_layer_inside_two_layers_of_a_network_is_refused_naming_both():
    shared = Affine(3)

    message = refusal(in_list(shared), in_dict(last=shared))

    assert "layers[1] (Holder)" in message
    assert "layers[0] (Holder)" in message


def test_a_layer_that_stands_twice_in_one_list_is_refused():
    relu = Relu()

    assert "held.0 and held.1 are one layer" in refusal(in_list(relu, relu))


def test_a_second_name_of_the_same_owner_is_no_second_owner():
    layer = in_list(Affine(3), Relu())
    layer.last = layer.held[-1]

    network = Network([layer], (3,)).initialize()

    assert list(network.parameters) == ["layers[0].held.0.W", "layers[0].held.0.b"]


def test_layers_in_a_dict_are_trained_and_told_whether_they_train():
    inner = Affine(2)
    network = Network([in_dict(a=inner, b=Relu())], (3,)).initialize()

    network.forward(np.zeros((1, 3)), training=True)

    assert list(network.parameters) == ["layers[0].held.a.W", "layers[0].held.a.b"]
    assert np.shares_memory(inner.W.value, network.params)
    assert inner.training is True


def test_a_parameter_that_an_initialised_network_owns_is_refused_in_another():
    first = Network([Scale()], (3,)).initialize()

    message = refusal(Scale(first.nodes[0].layer.w))

    assert "layers[0].w already belongs to another network" in message


def test_a_layer_of_an_initialised_network_is_refused_in_another():
    affine = Affine(2)
    trained = Network([affine], (3,)).initialize(1)
    before = trained.params.copy()

    message = refusal(affine, Relu())

    assert message.startswith("layers[0] (Affine) already belongs to another network")
    assert np.shares_memory(affine.W.value, trained.params)
    np.testing.assert_array_equal(trained.params, before)


def test_a_network_whose_layers_were_given_away_before_it_was_initialised_says_so():
    affine = Affine(2)
    first = Network([affine], (3,))
    Network([affine, Relu()], (3,)).initialize()

    with pytest.raises(UserError, match=r"layers\[0\] \(Affine\) was given to another network"):
        first.initialize()


class Twofold(Optimizer):
    """Two optimizers over the same vector."""

    def __init__(self, first, second):
        self.learning_rate = 0.1
        self.first, self.second = first, second

    def build(self, size):
        self.first.build(size)
        self.second.build(size)

    def update(self, params, grads, step):
        self.first.update(params, grads, step)
        self.second.update(params, grads, step)


class Remembers(SGD):
    """An optimizer whose state is made elsewhere."""

    def __init__(self, state):
        super().__init__(0.1)
        self.seen = state


def test_one_state_in_two_optimizers_is_refused_naming_both():
    seen = State((4,))

    with pytest.raises(UserError, match=r"first\.seen and second\.seen are one state"):
        Twofold(Remembers(seen), Remembers(seen)).initialize(4)


def test_an_optimizer_that_holds_a_parameter_of_the_network_is_refused():
    network = Network([Affine(1)], (1,), loss=MeanSquaredError()).initialize()
    one = Split(np.ones((1, 1)), np.ones(1))

    with pytest.raises(UserError, match="seen already belongs to another"):
        Trainer(
            network,
            Data(one, one),
            Remembers(network.parameters["layers[0].W"]),
            TrainingSettings(steps=1),
            {},
        )
    assert np.shares_memory(network.parameters["layers[0].W"].value, network.params)


def test_a_parameter_that_is_shared_after_a_network_was_made_is_refused_by_its_trainer():
    one, other = Affine(4, bias=False), Affine(4, bias=False)
    net = Network([one, other], (4,), loss=MeanSquaredError()).initialize()
    other.W = one.W
    split = Split(np.zeros((4, 4), np.float32), np.zeros((4, 4), np.float32))

    with pytest.raises(UserError, match="share a parameter"):
        Trainer(net, Data(split, split), SGD(0.1), TrainingSettings(steps=1), {})
