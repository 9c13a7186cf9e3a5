"""Numbers and shapes that a loss, a metric or a layer cannot take are refused by name."""

import copy
import pickle
from fractions import Fraction
from functools import partial

import numpy as np
import pytest

from layerkit import (
    DataError,
    LayerkitError,
    Loss,
    Network,
    ShapeError,
    UserError,
    load_registry,
)
from layerkit.builtin.layers import Add, Affine, Dropout, LeakyRelu, Mul, Relu, Reshape
from layerkit.builtin.losses import Huber, MeanSquaredError, SigmoidWithLoss, SoftmaxWithLoss
from layerkit.builtin.metrics import R2, Accuracy, BinaryAccuracy, MeanAbsoluteError
from layerkit.errors import NotReadyError
from layerkit.testing.laws.layers.uses import uses
from layerkit.testing.subject import Subject

ELEMENTWISE = [Huber, MeanSquaredError, SigmoidWithLoss, BinaryAccuracy, MeanAbsoluteError, R2]
OF_CLASSES = [SoftmaxWithLoss, Accuracy]

Y = np.array([[0.5, 0.25, 0.75], [0.125, 1.0, 0.0], [0.5, 0.5, 0.25], [0.75, 0.0, 0.5]])


def judged(cls, y, t):
    """Return the loss or the metric of one batch."""
    component = cls()
    if isinstance(component, Loss):
        return component.forward(y, t)
    component.reset()
    component.update(y, t)
    return component.value()


def message_of(kind, call, *arguments):
    with pytest.raises(kind) as refusal:
        call(*arguments)
    assert isinstance(refusal.value, LayerkitError)
    return str(refusal.value)


class TestShapesOfTargets:
    @pytest.mark.parametrize("cls", ELEMENTWISE)
    @pytest.mark.parametrize(
        ("outputs", "targets"),
        [
            ((4, 4), (4, 4, 1)),
            ((4, 1), (4, 1, 1)),
            ((4, 2, 2, 3), (4, 2, 2, 3, 1)),
            ((4, 4), (1, 4, 4)),
            ((4, 4), (4,)),
            ((4, 4), (4, 1)),
            ((4, 4), (1, 4)),
            ((4, 4), ()),
            ((4, 1, 1), (4,)),
            ((4, 1), (4, 4)),
            ((4, 1), (1, 4)),
            ((4, 3), (3, 4)),
            ((4, 2, 2, 3), (4, 3, 2, 2)),
        ],
    )
    def test_targets_that_merely_broadcast_are_refused(self, cls, outputs, targets):
        said = message_of(ShapeError, judged, cls, np.full(outputs, 0.5), np.zeros(targets))

        assert f"must have the shape of the outputs, {outputs}, got {targets}" in said

    @pytest.mark.parametrize("cls", OF_CLASSES)
    @pytest.mark.parametrize("targets", [(4, 4, 1), (4, 1), (1, 4), (), (2, 4), (4, 2)])
    def test_so_are_labels_of_another_shape(self, cls, targets):
        said = message_of(
            ShapeError, judged, cls, np.full((4, 4), 0.5), np.zeros(targets, np.int64)
        )

        assert f"got {targets}" in said

    @pytest.mark.parametrize("cls", ELEMENTWISE)
    @pytest.mark.parametrize(
        ("outputs", "targets"), [((4, 1), (4,)), ((4,), (4, 1)), ((4, 2, 3, 1), (4, 2, 3))]
    )
    def test_single_outputs_take_targets_without_their_axis(self, cls, outputs, targets):
        y, t = Y.reshape(-1), np.array([0, 1] * 12)
        y = np.resize(y, outputs)
        t = t[: y.size].reshape(targets)

        assert judged(cls, y, t) == judged(cls, y, t.reshape(outputs))


WRONG = {
    "complex": np.ones((4, 3), complex),
    "text": np.full((4, 3), "a"),
    "objects": np.full((4, 3), None),
    "dates": np.zeros((4, 3), "M8[s]"),
    "masked": np.ma.ones((4, 3)),
    "ragged": [[1], [1, 2], [3], [4]],
    "nothing": None,
    "a string": "abc",
}
wrong = pytest.mark.parametrize("nonsense", WRONG.values(), ids=WRONG)


class TestNumbers:
    @pytest.mark.parametrize("cls", [*ELEMENTWISE, *OF_CLASSES])
    @wrong
    def test_targets_that_are_no_numbers_are_refused(self, cls, nonsense):
        said = message_of(DataError, judged, cls, Y, nonsense)

        assert said.startswith(f"{cls.__name__}: targets must be an array of ")

    @pytest.mark.parametrize("cls", [*ELEMENTWISE, *OF_CLASSES])
    @wrong
    def test_outputs_that_are_no_numbers_are_refused(self, cls, nonsense):
        said = message_of(DataError, judged, cls, nonsense, np.eye(3)[[0, 1, 2, 0]])

        assert said.startswith(f"{cls.__name__}: outputs must be an array of ")

    @pytest.mark.parametrize("cls", [*ELEMENTWISE, *OF_CLASSES])
    def test_a_number_alone_is_no_batch(self, cls):
        said = message_of(ShapeError, judged, cls, 0.5, 1)

        assert said.startswith(f"{cls.__name__} takes outputs of shape (batch, ...), got ()")

    @pytest.mark.parametrize("cls", [*ELEMENTWISE, *OF_CLASSES])
    def test_lists_and_whole_numbers_are_numbers(self, cls):
        y, t = np.array([[1, 0, 2], [0, 1, 0]]), np.eye(3)[[0, 1]]

        assert judged(cls, y, t) == judged(cls, y.astype(float), t)
        assert judged(cls, y.tolist(), t.tolist()) == judged(cls, y.astype(float), t)
        assert judged(cls, y.astype(float), t == 1) == judged(cls, y.astype(float), t)

    def test_a_gradient_of_whole_numbers_has_fractions(self):
        loss = MeanSquaredError()
        loss.forward([[1, 2]], [[0, 0]])

        assert loss.backward().tolist() == [[1, 2]]

    @pytest.mark.parametrize("cls", [Huber, MeanSquaredError, SigmoidWithLoss, SoftmaxWithLoss])
    @pytest.mark.parametrize("factor", ["a", 1j, None, [1, 2, 3], np.ones((4, 3))])
    def test_a_loss_goes_back_by_a_number(self, cls, factor):
        loss = cls()
        loss.forward(Y, np.eye(3)[[0, 1, 2, 0]])

        said = message_of(UserError, loss.backward, factor)

        assert said.startswith(f"{cls.__name__}: backward takes a number, got ")
        for number in (2, np.float32(2), np.array(2), Fraction(2)):
            np.testing.assert_array_equal(loss.backward(number), loss.backward(2.0))

    @pytest.mark.parametrize("use", ["train_step", "gradient", "loss", "loss_of", "accuracy"])
    @wrong
    def test_a_network_refuses_them_as_targets(self, use, nonsense):
        network = Network([Affine(3)], (3,), loss=MeanSquaredError()).initialize()

        message_of(DataError, getattr(network, use), Y.astype(np.float32), nonsense)

    @wrong
    def test_a_layer_alone_refuses_them_both_ways(self, nonsense):
        affine = Affine(3)
        affine.initialize((3,))

        assert message_of(DataError, affine.forward, nonsense).startswith("Affine: inputs must be")
        assert message_of(DataError, LeakyRelu().forward, nonsense).startswith("LeakyRelu: inputs")
        assert message_of(DataError, Mul().forward, nonsense, 2.0).startswith("Mul: inputs must be")
        affine.forward(Y)
        assert message_of(DataError, affine.backward, nonsense).startswith("Affine: the gradient")

    def test_a_layer_alone_takes_lists_and_numbers_of_python(self):
        affine = Affine(3)
        affine.initialize((3,))

        np.testing.assert_array_equal(affine.forward(Y.tolist()), affine.forward(Y))
        assert Mul().forward(Fraction(1, 2), 4) == 2
        assert Add().forward(True, 2) == 3
        assert message_of(DataError, Mul().forward, 1j, 2).startswith("Mul: inputs must be")


def layers():
    """Return every use of every installed layer."""
    registry = load_registry()
    classes = [entry.cls for entry in registry if entry.cls.kind == "layer"]
    return [use for cls in classes for use in uses(Subject(cls, registry))]


every_use = pytest.mark.parametrize("use", layers(), ids=lambda use: f"{use.cls.__name__} {use}")


class TestLayersAlone:
    @every_use
    def test_a_gradient_of_another_shape_is_refused(self, use):
        layer, _ = use.initialized()
        y = layer.forward(*use.inputs())
        wanted = f"{use.cls.__name__}: backward takes a gradient of the shape of the output, "

        for dout in (
            np.ones((*y.shape, 1)),
            np.ones((y.shape[0] + 1, *y.shape[1:])),
            np.ones((1, *y.shape[1:])),
            np.ones(()),
            1.0,
        ):
            said = message_of(ShapeError, layer.backward, dout)
            assert said == f"{wanted}{y.shape}, got {np.shape(dout)}"
        layer.backward(np.ones(y.shape))

    @every_use
    def test_the_first_step_that_is_named_is_the_right_one(self, use):
        layer, other, xs = use.create(), use.create(), use.inputs()
        _, shape = use.initialized()

        try:
            layer.backward(np.ones((4, *shape)))
        except NotReadyError as error:
            said = str(error)
        else:
            pytest.skip("its backward needs nothing that forward keeps")

        if said.endswith("backward needs what forward keeps: call forward first"):
            y = layer.forward(*xs)
            layer.backward(np.ones(y.shape))
        else:
            assert "first call initialize()" in said
            if getattr(layer, "rate", None) != 0:  # a Dropout of nothing draws nothing
                assert "first call initialize()" in message_of(NotReadyError, other.forward, *xs)

    def test_relu_needs_no_initialize_and_affine_does(self):
        forward = "backward needs what forward keeps: call forward first"
        initialize = "first call initialize() of the network, or of a layer that is used alone"

        for layer in (Relu(), Mul(), Add()):
            assert message_of(NotReadyError, layer.backward, Y).endswith(forward)
        for layer in (Affine(2), Dropout(), Reshape((3, 1))):
            assert message_of(NotReadyError, layer.backward, Y).endswith(initialize)

    def test_a_lone_backward_follows_the_shape_of_the_last_forward(self):
        relu = Relu()
        relu.forward(Y)
        relu.forward(Y[:2])

        assert relu.backward(np.ones((2, 3))).shape == (2, 3)
        message_of(ShapeError, relu.backward, np.ones((4, 3)))

    def test_a_layer_that_was_used_alone_is_at_home_in_a_network(self):
        relu = Relu()
        relu.forward(Y)
        network = Network([relu], (3,)).initialize()
        network.forward(Y[:2].astype(np.float32))

        assert relu.backward(np.ones((2, 3), np.float32)).shape == (2, 3)

    def test_a_subclass_may_hand_its_parent_a_gradient_of_another_shape(self):
        class Twice(Affine):
            def build(self, shape):
                return (2 * super().build(shape)[0],)

            def forward(self, x):
                return np.concatenate([super().forward(x)] * 2, axis=1)

            def backward(self, dout):
                return super().backward(dout[:, :2] + dout[:, 2:])

        twice = Twice(2)
        twice.initialize((3,))
        twice.forward(Y)

        assert twice.backward(np.ones((4, 4))).shape == (4, 3)
        message_of(ShapeError, twice.backward, np.ones((4, 2)))

    @pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
    def test_a_copy_goes_back_only_after_it_went_forward(self, copied):
        affine = Affine(2)
        affine.initialize((3,))
        affine.forward(Y)

        said = message_of(NotReadyError, copied(affine).backward, np.ones((4, 2)))

        assert said.endswith("call forward first")


class TestOwnersOfLosses:
    def test_a_loss_of_another_network_is_refused(self):
        loss = SoftmaxWithLoss()
        Network([Affine(2)], (3,), loss=loss)

        said = message_of(
            UserError, lambda: Network([Affine(2)], (3,), loss=loss, dtype=np.float64)
        )

        assert said == (
            "the loss (SoftmaxWithLoss) already belongs to another network, and keeps what its "
            "backward needs; make a new loss"
        )
        assert loss.dtype == np.float32

    @pytest.mark.parametrize("hold", [lambda x: x, lambda x: [x], lambda x: {"a": (x,)}])
    def test_so_is_a_loss_that_holds_one(self, hold):
        inner = Huber()
        outer = Scaled(hold(inner))
        Network([Affine(2)], (3,), loss=outer)

        for loss in (inner, Scaled(inner), Scaled([Huber(), inner])):
            said = message_of(UserError, partial(Network, [Affine(2)], (3,), loss=loss))
            assert "already belongs to another network" in said
        assert inner.dtype == np.float32

    def test_a_loss_is_held_in_one_place(self):
        inner = Huber()

        said = message_of(
            UserError, lambda: Network([Affine(2)], (3,), loss=Scaled([inner, inner]))
        )

        assert said.startswith("the loss (Scaled) holds the same Huber twice")

    def test_a_loss_that_was_used_alone_may_be_given_to_a_network(self):
        loss = MeanSquaredError()
        loss.forward(Y, Y)

        network = Network([Affine(3)], (3,), loss=loss).initialize()

        assert network.loss(Y, Y) > 0

    def test_a_network_that_is_refused_leaves_the_loss_free(self):
        loss = SoftmaxWithLoss()
        used = Affine(2)
        used.initialize((3,))

        message_of(UserError, lambda: Network([used], (3,), loss=loss))

        assert Network([Affine(2)], (3,), loss=loss).loss_function is loss

    def test_a_copy_of_a_network_has_a_loss_of_its_own(self):
        network = Network([Affine(3)], (3,), loss=MeanSquaredError()).initialize()

        assert copy.deepcopy(network).loss_function is not network.loss_function


class Scaled(Loss):
    """A loss made of others."""

    def __init__(self, held=None):
        self.held = held

    def check(self, shape, targets):
        pass

    def each(self, y, t):
        return np.zeros(len(y))

    def backward_each(self, dout):
        return np.zeros(1)


class TestNumbersThatTheTypeDoesNotHold:
    @pytest.mark.parametrize("cls", [Huber, MeanSquaredError])
    @pytest.mark.parametrize("use", ["gradient", "train_step", "loss"])
    def test_targets_too_large_for_the_network_are_named(self, cls, use):
        network = Network([Affine(3)], (3,), loss=cls()).initialize()
        t = np.zeros((4, 3))
        t[2, 1] = -1e300

        assert message_of(DataError, getattr(network, use), Y, t) == (
            f"{cls.__name__}: targets must be from -3.4e+38 to 3.4e+38, which float32 holds, got "
            'numbers up to 1e+300; scale them, or compute in "dtype": "float64"'
        )

    def test_targets_of_more_digits_are_as_good_as_ever(self):
        loss = MeanSquaredError()

        assert loss.forward(np.zeros((1, 1), np.float32), np.array([[0.5]])) == 0.25

    def test_a_loss_that_overflows_on_its_own_is_infinite(self):
        with np.errstate(over="ignore"):
            value = MeanSquaredError().forward(np.zeros((1, 1), np.float32), np.array([[1e30]]))

        assert value == np.inf


@pytest.mark.parametrize("cls", [Huber, MeanSquaredError, SigmoidWithLoss, SoftmaxWithLoss])
def test_a_loss_of_no_examples_is_refused(cls):
    with pytest.raises(ShapeError) as refusal:
        cls().forward(np.ones((0, 3)), np.ones((0, 3)))

    assert str(refusal.value) == f"{cls.__name__} takes at least one example, got none"
