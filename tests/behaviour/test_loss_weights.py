"""Weights of examples and of classes, label smoothing: one weighted mean, as PyTorch makes it."""

import copy
import re

import numpy as np
import pytest
from torch import float64, nn, tensor

from layerkit import DataError, Loss, Network, NotReadyError, ShapeError, Split, Targets
from layerkit.builtin.layers import Affine
from layerkit.builtin.losses import Huber, MeanSquaredError, SigmoidWithLoss, SoftmaxWithLoss
from layerkit.errors import OptionError

rng = np.random.default_rng(1)

Y, LABELS = rng.normal(size=(8, 4)), rng.integers(0, 4, 8)
NUMBERS, QUESTIONS = rng.normal(size=(8, 4)), rng.random((8, 4))
WEIGHTS = np.array([0.5, 2.0, 0.0, 1.0, 3.0, 1.5, 0.25, 1.0])

LOSSES = {
    "softmax": (SoftmaxWithLoss(), nn.CrossEntropyLoss, LABELS),
    "sigmoid": (SigmoidWithLoss(), nn.BCEWithLogitsLoss, QUESTIONS),
    "squared": (MeanSquaredError(), nn.MSELoss, NUMBERS),
    "huber": (Huber(), nn.HuberLoss, NUMBERS),
}


def of_torch(losses, y, weights):
    """Return ``sum(w l) / sum(w)`` of losses of PyTorch, and its gradient by ``y``."""
    weights = tensor(weights).reshape(-1, *[1] * (losses.ndim - 1)).expand(losses.shape)
    loss = (weights * losses).sum() / weights.sum()
    loss.backward()
    return loss.item(), y.grad.numpy()


@pytest.mark.parametrize(("loss", "of_peer", "t"), LOSSES.values(), ids=LOSSES)
def test_weights_of_examples_make_the_mean_and_its_gradient(loss, of_peer, t):
    y = tensor(Y, requires_grad=True)
    expected, gradient = of_torch(of_peer(reduction="none")(y, tensor(t)), y, WEIGHTS)

    assert loss.forward(Y, t, WEIGHTS) == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(loss.backward(), gradient, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("one_hot", [False, True], ids=["labels", "one-hot"])
def test_weights_of_classes_are_those_of_the_cross_entropy(one_hot):
    weights = [1.0, 0.5, 3.0, 0.0]
    y = tensor(Y, requires_grad=True)
    expected = nn.CrossEntropyLoss(weight=tensor(weights, dtype=float64))(y, tensor(LABELS))
    expected.backward()
    loss = SoftmaxWithLoss(class_weights=weights)

    value = loss.forward(Y, np.eye(4)[LABELS] if one_hot else LABELS)

    assert value == pytest.approx(expected.item(), rel=1e-12)
    np.testing.assert_allclose(loss.backward(), y.grad.numpy(), rtol=1e-10, atol=1e-14)


def test_weights_of_classes_and_of_examples_multiply():
    of_classes = np.array([1.0, 0.5, 3.0, 2.0])
    loss = SoftmaxWithLoss(class_weights=of_classes.tolist())
    plain = SoftmaxWithLoss()

    assert loss.forward(Y, LABELS, WEIGHTS) == pytest.approx(
        plain.forward(Y, LABELS, WEIGHTS * of_classes[LABELS]), rel=1e-12
    )
    np.testing.assert_allclose(loss.backward(), plain.backward(), rtol=1e-12)


def test_positions_of_an_example_have_weights_of_their_own():
    y, t = rng.normal(size=(3, 5, 4)), rng.integers(0, 4, (3, 5))
    mask = np.arange(5) < np.array([[5], [2], [3]])
    loss, plain = SoftmaxWithLoss(), SoftmaxWithLoss()

    value = loss.forward(y, t, mask)
    dy = loss.backward().copy()

    assert value == pytest.approx(plain.forward(y[mask], t[mask]), rel=1e-12)
    np.testing.assert_allclose(dy[mask], plain.backward(), rtol=1e-12)
    assert not dy[~mask].any()


def test_the_weights_of_yes_and_no_are_those_of_each_target():
    loss = SigmoidWithLoss(class_weights=[1.0, 3.0])
    t = rng.integers(0, 2, (8, 4)) * 1.0
    weights = np.where(t, 3.0, 1.0)

    assert loss.forward(Y, t) == pytest.approx(
        (weights * SigmoidWithLoss().each(Y, t)).sum() / weights.sum(), rel=1e-12
    )


@pytest.mark.parametrize("one_hot", [False, True], ids=["labels", "one-hot"])
def test_label_smoothing_is_that_of_the_cross_entropy(one_hot):
    y = tensor(Y, requires_grad=True)
    expected = nn.CrossEntropyLoss(label_smoothing=0.1)(y, tensor(LABELS))
    expected.backward()
    loss = SoftmaxWithLoss(label_smoothing=0.1)

    value = loss.forward(Y, np.eye(4)[LABELS] if one_hot else LABELS)

    assert value == pytest.approx(expected.item(), rel=1e-12)
    np.testing.assert_allclose(loss.backward(), y.grad.numpy(), rtol=1e-10, atol=1e-14)


def test_label_smoothing_of_yes_and_no_moves_targets_to_one_half():
    smooth, plain = SigmoidWithLoss(label_smoothing=0.2), SigmoidWithLoss()
    t = rng.integers(0, 2, (8, 4)) * 1.0

    assert smooth.forward(Y, t) == pytest.approx(plain.forward(Y, 0.8 * t + 0.1), rel=1e-12)
    np.testing.assert_allclose(smooth.backward(), plain.backward(), rtol=1e-12)


BALANCED = {
    "labels": (SoftmaxWithLoss, (3,), np.array([0, 0, 0, 1, 2, 2])),
    "one-hot": (SoftmaxWithLoss, (3,), np.eye(3)[[0, 0, 0, 1, 2, 2]]),
    "yes and no": (SigmoidWithLoss, (1,), np.array([0, 0, 0, 1])),
}


@pytest.mark.parametrize(("cls", "shape", "t"), BALANCED.values(), ids=BALANCED)
def test_balanced_weights_are_those_of_scikit_learn(cls, shape, t):
    from sklearn.utils.class_weight import compute_class_weight

    loss = cls(class_weights="balanced")
    loss.fit(shape, t)

    labels = t.argmax(axis=1) if t.ndim == 2 else t
    expected = compute_class_weight("balanced", classes=np.unique(labels), y=labels)
    np.testing.assert_allclose(loss.balanced_weights, expected)
    np.testing.assert_array_equal(copy.deepcopy(loss).balanced_weights, loss.balanced_weights)


def test_balanced_weights_need_training_targets_of_each_class():
    loss = SoftmaxWithLoss(class_weights="balanced")

    with pytest.raises(NotReadyError, match=re.escape("call fit(shape, t)")):
        loss.forward(Y, LABELS)
    with pytest.raises(DataError, match=r'^class 1 has no training examples, so "balanced"'):
        loss.fit((3,), np.array([0, 2, 2]))


@pytest.mark.parametrize("weights", [[0.0, 0.0], [1.0], [-1.0, 1.0], [1.0, np.nan]], ids=str)
def test_class_weights_that_weigh_nothing_are_refused(weights):
    with pytest.raises((OptionError, ValueError), match="class_weights"):
        SoftmaxWithLoss(class_weights=weights)


def test_a_weight_for_a_class_that_is_not_there_is_refused():
    loss = SoftmaxWithLoss(class_weights=[1.0, 2.0, 3.0])

    with pytest.raises(ShapeError, match="one of the class_weights for each of 4 classes, got 3"):
        loss.check((4,), Targets(classes=4))


def test_a_batch_without_weight_has_no_loss_and_no_gradient():
    loss = MeanSquaredError()

    assert loss.forward(Y, NUMBERS, np.zeros(8)) == 0
    assert not loss.backward().any()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(7), r"weights must be one for each of 8 examples, got the shape \(7,\)"),
        (np.ones((8, 3)), r"got the shape \(8, 3\)"),
        (-np.ones(8), "weights must be finite and not negative, got -1 to -1"),
        (np.full(8, np.nan), "not negative, got nan to nan"),
        (np.full(8, np.inf), "not negative, got inf to inf"),
        (["a"] * 8, "weights"),
    ],
    ids=["fewer", "axes", "negative", "nan", "infinite", "texts"],
)
def test_wrong_weights_are_refused(weights, message):
    with pytest.raises((ShapeError, DataError), match=message):
        MeanSquaredError().forward(Y, NUMBERS, weights)


def test_a_network_takes_weights_in_each_use_of_its_loss():
    network = Network([Affine(4)], (4,), loss=SoftmaxWithLoss(), dtype="float64").initialize(1)
    rows = np.repeat(np.arange(8), [1, 2, 0, 1, 3, 1, 0, 2])
    weights = np.bincount(rows, minlength=8).astype(float)

    expected = network.train_step(Y[rows], LABELS[rows])
    gradient = network.grads.copy()

    assert network.train_step(Y, LABELS, weights) == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(network.grads, gradient, rtol=1e-10, atol=1e-15)
    assert network.loss(Y, LABELS, weights=weights) == pytest.approx(expected, rel=1e-12)


def test_the_examples_of_a_split_must_have_a_weight_each():
    with pytest.raises(DataError, match=r"a weight for each of 8 examples, got .* \(7,\)"):
        Split(Y, LABELS, weights=np.ones(7))


class Absolute(Loss):
    """A loss as its documentation says."""

    def check(self, shape, targets):
        pass

    def each(self, y, t):
        self._error = y - t
        return np.abs(self._error).sum(axis=1)

    def backward_each(self, dout):
        return np.sign(self._error) * dout[:, np.newaxis]


def test_a_loss_of_ones_own_has_weights_without_a_line_for_them():
    loss = Absolute()

    each = np.abs(Y - NUMBERS).sum(axis=1)
    assert loss.forward(Y, NUMBERS, WEIGHTS) == pytest.approx(
        (WEIGHTS * each).sum() / WEIGHTS.sum()
    )
    np.testing.assert_allclose(
        loss.backward(), np.sign(Y - NUMBERS) * (WEIGHTS / WEIGHTS.sum())[:, np.newaxis]
    )
