"""The return values of layers and losses are checked, and a network keeps its own arrays."""

import numpy as np
import pytest

from layerkit import (
    Data,
    Layer,
    LayerkitError,
    Network,
    PluginError,
    Split,
    State,
    Trainer,
    UserError,
)
from layerkit.builtin.layers import Affine, Relu
from layerkit.builtin.losses import MeanSquaredError, SoftmaxWithLoss
from layerkit.builtin.metrics import Accuracy
from layerkit.builtin.optimizers import SGD
from layerkit.spec import TrainingSettings
from layerkit.training import evaluate

X, T = np.ones((6, 4), np.float32), np.arange(6) % 3


class Mixed(Layer):
    """Returns one row for the whole batch."""

    def forward(self, x):
        return x.mean(axis=0, keepdims=True)

    def backward(self, dout):
        return dout


class Listed(Mixed):
    """Returns a list."""

    def forward(self, x):
        return x.tolist()


class Silent(Mixed):
    """Returns nothing."""

    def forward(self, x):
        pass


class Half(Mixed):
    """Returns too few columns."""

    def forward(self, x):
        return x[:, :2]


def network(*layers, loss=None):
    return Network(layers, (4,), loss=loss or SoftmaxWithLoss()).initialize()


@pytest.mark.parametrize(
    ("layer", "got"),
    [(Mixed, r"\(1, 4\)"), (Listed, "a list"), (Silent, "None")],
    ids=["one row", "list", "None"],
)
@pytest.mark.parametrize("behind", [[], [Affine], [Relu]], ids=["last", "affine", "relu"])
@pytest.mark.parametrize("rows", [6, 10_000])
def test_a_forward_that_returns_no_batch_is_named(layer, got, behind, rows):
    made = network(Affine(4), layer(), *[of(4) if of is Affine else of() for of in behind])
    x = np.ones((rows, 4), np.float32)

    for use in (made.predict, made.forward, lambda x: made.train_step(x, np.zeros(rows, int))):
        with pytest.raises(
            PluginError, match=rf"layers\[1\] \({layer.__name__}\): forward .*{got}"
        ):
            use(x)


def test_a_loss_whose_gradient_has_another_shape_is_named():
    class Wrong(MeanSquaredError):
        def backward_each(self, dout):
            return super().backward_each(dout)[:1]

    made = network(Affine(3), loss=Wrong())

    message = r"loss \(Wrong\): backward_each .*\(6, 3\), got .*\(1, 3\)"
    with pytest.raises(PluginError, match=message):
        made.train_step(X, np.zeros((6, 3)))


@pytest.mark.parametrize("value", [np.ones(5), 0.5, [0.5] * 6, None, "0.5"], ids=str)
def test_a_loss_that_returns_no_number_for_each_example_is_named(value):
    class Averaged(MeanSquaredError):
        def each(self, y, t):
            return value

    made = network(Affine(3), loss=Averaged())

    message = r"Averaged: each must return one number for each of 6 examples, got"
    with pytest.raises(PluginError, match=message):
        made.train_step(X, np.zeros((6, 3)))
    with pytest.raises(PluginError, match=message):
        Averaged().forward(X, np.zeros((6, 4)))


@pytest.mark.parametrize("name", ["forward", "backward", "sums"])
def test_a_loss_with_a_mean_of_its_own_is_refused(name):
    with pytest.raises(PluginError, match=rf"Own defines {name}, .* define each\(y, t\)"):
        type("Own", (MeanSquaredError,), {name: lambda self, *arguments: 0.0})


def test_the_loss_of_a_network_cannot_be_replaced():
    made = network(Affine(3))

    with pytest.raises(UserError, match=r"make a new Network"):
        made.loss_function = MeanSquaredError()

    assert type(made.loss_function) is SoftmaxWithLoss


@pytest.mark.parametrize("name", ["params", "grads", "states"])
def test_a_vector_that_is_assigned_is_copied_into_place(name):
    made = network(Affine(3))
    vector = getattr(made, name)

    setattr(made, name, np.full(vector.size, 0.5))

    assert getattr(made, name) is vector
    assert (vector == 0.5).all()
    if name == "params":
        assert (made.nodes[0].layer.W.value == 0.5).all()
        with pytest.raises(UserError, match=r"params must have the shape \(15,\), got \(4,\)"):
            made.params = np.zeros(4)


def trainer(data=None, **how):
    split = Split(X, T)
    settings = TrainingSettings(steps=5, batch_size=3)
    return Trainer(network(Affine(3)), data or Data(split, split), SGD(), settings, {}, **how)


@pytest.mark.parametrize("given", ["no", 1, np.array([1])])
def test_whether_higher_is_better_is_true_or_false(given):
    with pytest.raises(UserError, match="higher_is_better must be True, False or None, got"):
        trainer(higher_is_better=given)


@pytest.mark.parametrize("given", [None, "5", float("nan"), 2.0, -1])
def test_a_training_goes_until_a_number_of_steps(given):
    with pytest.raises(UserError, match="step must be an integer from 0 on, got"):
        trainer().train_until(given)


@pytest.mark.parametrize("scale", ["a", None, 1j, True])
def test_a_scale_is_a_number(scale):
    split = Split(X, T, scale)

    with pytest.raises(LayerkitError, match=r"the training part must have a scale .*, got"):
        trainer(Data(split, split))


def test_an_evaluation_takes_examples_and_metrics():
    made = network(Affine(3))

    with pytest.raises(
        UserError, match=r"metrics\['a'\] must be an instance of Metric, got the class Accuracy"
    ):
        evaluate(made, Split(X, T), {"a": Accuracy})
    with pytest.raises(UserError, match="split must be an instance of Split, got"):
        evaluate(made, (X, T), {})


def test_more_parameters_than_memory_has_addresses_are_an_error_of_memory():
    with pytest.raises(MemoryError, match="numbers"):
        Network([Affine(10**19)], (4,)).initialize()


@pytest.mark.parametrize("compilers", [None, []], ids=["installed", "numpy"])
def test_labels_that_become_wrong_in_the_middle_of_a_training_are_told(compilers):
    t = T.copy()
    split = Split(X, t)
    made = trainer(Data(split, Split(X, T)))
    made.network.compilers = compilers
    made.train_until(2)

    t[:] = 99

    with pytest.raises(LayerkitError, match="labels must be from 0 to 2, got 99"):
        made.train_until(4)


def test_a_gradient_of_the_wrong_shape_names_its_layer():
    class Transposed(Affine):
        def backward(self, dout):
            dx = super().backward(dout)
            self.W.grad = self.W.grad.T.copy()
            return dx

    network = Network([Transposed(3)], (4,), loss=SoftmaxWithLoss()).initialize()

    with pytest.raises(PluginError) as refusal:
        network.gradient(X, T)

    assert str(refusal.value) == (
        "layers[0] (Transposed): backward: Parameter.grad must have the shape (4, 3), or one that "
        "broadcasts to it, got (3, 4)"
    )


class Assigning(Layer):
    """Assigns its state a value in ``forward``."""

    def __init__(self, value=0.0):
        self.value = value
        self.s = State((3,))

    def forward(self, x):
        self.s.value = self.value
        return x

    def backward(self, dout):
        return dout


WRONG_VALUES = [
    (np.zeros(7), "must have the shape (3,), or one that broadcasts to it, got (7,)"),
    ("text", "must be an array of integers or floats, got <U4"),
]


@pytest.mark.parametrize(("value", "message"), WRONG_VALUES, ids=["shape", "text"])
def test_a_wrong_value_that_forward_assigns_names_its_layer(value, message):
    made = network(Affine(3), Assigning(value))

    for use in (made.predict, made.forward, lambda x: made.train_step(x, T)):
        with pytest.raises(PluginError) as refusal:
            use(X)
        assert str(refusal.value) == f"layers[1] (Assigning): forward: State.value {message}"


@pytest.mark.parametrize(("value", "message"), WRONG_VALUES, ids=["shape", "text"])
def test_a_wrong_first_value_names_its_layer(value, message):
    class Beginning(Assigning):
        def __init__(self):
            self.s = State((3,), lambda shape, rng: value)

    with pytest.raises(PluginError) as refusal:
        network(Affine(3), Beginning())

    assert str(refusal.value) == f"layers[1] (Beginning): s: State.value {message}"


def test_a_wrong_return_is_named_rather_than_the_value_that_it_makes_wrong():
    class Averaging(Assigning):
        def forward(self, x):
            self.s.value = x[0]
            return x

    made = network(Affine(3), Half(), Averaging())

    with pytest.raises(PluginError, match=r"layers\[1\] \(Half\): forward must return an array"):
        made.predict(X)


@pytest.mark.parametrize("name", ["dtype", "training", "needs_input_grad", "rng", "input_shapes"])
def test_a_layer_has_no_property_in_place_of_what_layerkit_sets(name):
    with pytest.raises(PluginError) as refusal:
        type("Fixed", (Relu,), {name: property(lambda self: None)})

    assert str(refusal.value) == (
        f"Fixed: {name} must not be a property without a setter, because layerkit sets it; rename "
        "it, or give it a setter"
    )


def test_a_property_with_a_setter_is_set():
    class Heard(Relu):
        heard = ()

        @property
        def training(self):
            return self.heard[-1]

        @training.setter
        def training(self, value):
            self.heard = (*self.heard, value)

    layer = Heard()
    layer.initialize((4,), training=True)
    assert layer.heard == (True,)

    network = Network([Heard()], (4,)).initialize()
    network.predict(X)
    network.forward(X, training=True)
    assert network.nodes[0].layer.heard == (False, True)
