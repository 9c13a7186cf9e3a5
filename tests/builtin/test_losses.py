import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, strategies as st

from layerkit import DataError, ShapeError, Targets, numerical_gradient
from layerkit.builtin.losses import Huber, MeanSquaredError, SigmoidWithLoss, SoftmaxWithLoss

rng = np.random.default_rng(0)

CASES = {
    "softmax, labels": (SoftmaxWithLoss, rng.normal(size=(6, 4)), rng.integers(0, 4, 6)),
    "softmax, bytes": (
        SoftmaxWithLoss,
        rng.normal(size=(6, 4)),
        rng.integers(0, 4, 6).astype(np.uint8),
    ),
    "softmax, one-hot": (
        SoftmaxWithLoss,
        rng.normal(size=(6, 4)),
        np.eye(4)[rng.integers(0, 4, 6)],
    ),
    "softmax, probabilities": (
        SoftmaxWithLoss,
        rng.normal(size=(6, 4)),
        rng.dirichlet(np.ones(4), 6),
    ),
    "softmax, labels of positions": (
        SoftmaxWithLoss,
        rng.normal(size=(2, 3, 4)),
        rng.integers(0, 4, (2, 3)),
    ),
    "softmax, probabilities of positions": (
        SoftmaxWithLoss,
        rng.normal(size=(2, 3, 2, 4)),
        rng.dirichlet(np.ones(4), (2, 3, 2)),
    ),
    "sigmoid, labels": (SigmoidWithLoss, rng.normal(size=(6, 1)), rng.integers(0, 2, 6)),
    "sigmoid, single": (SigmoidWithLoss, rng.normal(size=6), rng.integers(0, 2, 6) * 1.0),
    "sigmoid, several": (
        SigmoidWithLoss,
        rng.normal(size=(6, 3)),
        rng.integers(0, 2, (6, 3)) * 1.0,
    ),
    "sigmoid, probabilities": (SigmoidWithLoss, rng.normal(size=(6, 3)), rng.random((6, 3))),
    "squared, single": (MeanSquaredError, rng.normal(size=(6, 1)), rng.normal(size=6)),
    "squared, images": (
        MeanSquaredError,
        rng.normal(size=(6, 2, 3)),
        rng.normal(size=(6, 2, 3)),
    ),
    "huber, single": (Huber, rng.normal(size=(6, 1)), rng.normal(size=6)),
    "huber, several": (
        lambda: Huber(delta=0.5),
        rng.normal(size=(6, 3)),
        rng.normal(size=(6, 3)),
    ),
}
each_case = pytest.mark.parametrize(("make", "y", "t"), CASES.values(), ids=CASES)


@each_case
def test_the_gradient_is_the_numerical_one(make, y, t):
    loss, y = make(), y.copy()

    loss.forward(y, t)
    gradient = loss.backward().copy()

    expected = numerical_gradient(lambda: loss.forward(y, t), y)
    np.testing.assert_allclose(gradient, expected, rtol=1e-7, atol=1e-10)


@each_case
def test_backward_scales_by_dout_and_can_be_called_again(make, y, t):
    loss = make()
    loss.forward(y, t)

    once = loss.backward().copy()

    np.testing.assert_allclose(loss.backward(-2.5), -2.5 * once, rtol=1e-14)
    np.testing.assert_array_equal(loss.backward(), once)


@each_case
def test_inputs_are_left_alone(make, y, t):
    loss, y, t = make(), y.copy(), t.copy()
    y.flags.writeable = t.flags.writeable = False

    loss.forward(y, t)

    assert not np.shares_memory(loss.backward(), y)
    assert not np.shares_memory(loss.backward(), t)


@each_case
def test_float32_outputs_give_a_float32_gradient_whatever_the_targets_are(make, y, t):
    loss, exact = make(), make()

    value = loss.forward(y.astype(np.float32), t)

    assert isinstance(value, float)
    assert value == pytest.approx(exact.forward(y, t), rel=1e-5)
    assert loss.backward().dtype == np.float32
    np.testing.assert_allclose(loss.backward(), exact.backward(), rtol=1e-4, atol=1e-6)


@each_case
def test_a_smaller_batch_after_a_larger_one_gives_its_own_numbers(make, y, t):
    used, fresh = make(), make()
    used.forward(y, t)
    used.backward()

    assert used.forward(y[:2], t[:2]) == fresh.forward(y[:2], t[:2])
    np.testing.assert_array_equal(used.backward(), fresh.backward())


def peak_of_a_step(loss, y, t):
    """Return the most bytes in use at once, beyond what the step before it left."""
    loss.forward(y, t)
    loss.backward()
    tracemalloc.start()
    loss.forward(y, t)
    loss.backward()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@each_case
def test_a_step_allocates_nothing_that_grows_with_the_batch(make, y, t):
    # Conversions go through a buffer of 8192 numbers at most, which both sizes fill.
    y, t = np.repeat(y, 4000, axis=0), np.repeat(t, 4000, axis=0)
    half = len(y) // 2

    growth = peak_of_a_step(make(), y, t) - peak_of_a_step(make(), y[:half], t[:half])

    assert growth < half, "a byte for each example would be more"


# softmax_with_loss


def test_softmax_of_equal_outputs_costs_the_logarithm_of_the_number_of_classes():
    loss = SoftmaxWithLoss()

    assert loss.forward(np.zeros((2, 4)), np.array([0, 3])) == pytest.approx(math.log(4))
    np.testing.assert_allclose(
        loss.backward(), np.array([[-3, 1, 1, 1], [1, 1, 1, -3]]) / (4 * 2), rtol=1e-15
    )


def test_softmax_takes_a_label_for_the_one_hot_row_it_stands_for():
    y, labels = CASES["softmax, labels"][1:]
    by_label, by_row = SoftmaxWithLoss(), SoftmaxWithLoss()

    assert by_label.forward(y, labels) == pytest.approx(by_row.forward(y, np.eye(4)[labels]))
    np.testing.assert_allclose(by_label.backward(), by_row.backward(), rtol=1e-14, atol=1e-17)


@pytest.mark.parametrize("t", [np.array([1, 0]), np.array([[0.0, 1.0], [1.0, 0.0]])])
def test_softmax_of_extreme_outputs_is_exact(t):
    loss = SoftmaxWithLoss()

    # The first example is 2000 off, the second is right.
    assert loss.forward(np.array([[1000.0, -1000.0], [1000.0, -1000.0]]), t) == 1000
    np.testing.assert_array_equal(loss.backward(), [[0.5, -0.5], [0, 0]])


def test_a_perfect_softmax_costs_a_positive_zero():
    value = SoftmaxWithLoss().forward(np.array([[1000.0, 0.0]]), np.array([0]))

    assert (value, math.copysign(1, value)) == (0, 1)


@given(shift=st.floats(-1e6, 1e6), seed=st.integers(0, 100))
def test_softmax_does_not_see_a_number_added_to_all_outputs(shift, seed):
    rng = np.random.default_rng(seed)
    y, t = rng.normal(size=(3, 5)), rng.integers(0, 5, 3)
    plain, shifted = SoftmaxWithLoss(), SoftmaxWithLoss()

    assert shifted.forward(y + shift, t) == pytest.approx(plain.forward(y, t), rel=1e-8)
    np.testing.assert_allclose(shifted.backward(), plain.backward(), atol=1e-8)
    np.testing.assert_allclose(plain.backward().sum(axis=1), 0, atol=1e-15)


# sigmoid_with_loss


def test_sigmoid_of_0_costs_the_logarithm_of_2_whatever_the_target():
    loss = SigmoidWithLoss()

    assert loss.forward(np.zeros((2, 1)), np.array([0, 1])) == pytest.approx(math.log(2))
    np.testing.assert_array_equal(loss.backward(), [[0.25], [-0.25]])


def test_sigmoid_is_a_mean_over_outputs_as_well():
    y, t = np.array([[0.0, 1000.0]]), np.array([[1.0, 1.0]])

    assert SigmoidWithLoss().forward(y, t) == pytest.approx(math.log(2) / 2)


def test_sigmoid_of_extreme_outputs_is_exact():
    loss = SigmoidWithLoss()
    y = np.array([[1000.0], [-1000.0], [1000.0], [-1000.0]])

    assert loss.forward(y, np.array([1, 0, 0, 1])) == 500
    np.testing.assert_array_equal(loss.backward(), [[0], [0], [0.25], [-0.25]])


def test_sigmoid_keeps_the_digits_of_a_small_loss():
    value = SigmoidWithLoss().forward(np.array([[40.0], [-40.0]]), np.array([1, 0]))

    assert value == pytest.approx(math.exp(-40), rel=1e-12)


# mean_squared_error and huber


def test_squared_error_is_a_mean_over_batch_and_outputs():
    loss = MeanSquaredError()
    y, t = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 4.0], [2.0, 7.0]])

    # (0 + 4 + 1 + 9) / 4
    assert loss.forward(y, t) == 3.5
    np.testing.assert_array_equal(loss.backward(), [[0, -1], [0.5, -1.5]])


def test_squared_error_of_one_output_does_not_pair_every_output_with_every_target():
    assert MeanSquaredError().forward(np.array([[1.0], [2.0]]), np.array([1.0, 4.0])) == 2


def test_huber_is_squared_near_0_and_straight_beyond_delta():
    loss = Huber(delta=2.0)
    y, t = np.array([[1.0], [2.0], [5.0], [-5.0]]), np.zeros(4)

    # 1/2 + 2 + 2 (5 - 1) + 2 (5 - 1)
    assert loss.forward(y, t) == 18.5 / 4
    np.testing.assert_array_equal(loss.backward(), [[0.25], [0.5], [0.5], [-0.5]])


@given(seed=st.integers(0, 100))
def test_huber_within_delta_is_half_the_squared_error(seed):
    rng = np.random.default_rng(seed)
    y, t = rng.uniform(-1, 1, (2, 4, 3))
    huber, squared = Huber(delta=2.0), MeanSquaredError()

    assert huber.forward(y, t) == pytest.approx(squared.forward(y, t) / 2, rel=1e-14)
    np.testing.assert_allclose(huber.backward(), squared.backward() / 2, rtol=1e-14)


# what each loss refuses

LABELS_OF_10 = Targets(classes=10)
LABELS_OF_2 = Targets(classes=2)
NUMBER = Targets()


@pytest.mark.parametrize(
    ("loss", "shape", "targets"),
    [
        (SoftmaxWithLoss(), (10,), LABELS_OF_10),
        (SoftmaxWithLoss(), (10,), Targets((10,))),
        (SoftmaxWithLoss(), (2,), LABELS_OF_2),
        (SigmoidWithLoss(), (), NUMBER),
        (SigmoidWithLoss(), (1,), NUMBER),
        (SigmoidWithLoss(), (1,), LABELS_OF_2),
        (SigmoidWithLoss(), (3,), Targets((3,))),
        (SigmoidWithLoss(), (3,), Targets((3,), classes=2)),
        (MeanSquaredError(), (), NUMBER),
        (MeanSquaredError(), (1,), NUMBER),
        (MeanSquaredError(), (), Targets((1,))),
        (MeanSquaredError(), (3, 4), Targets((3, 4))),
        (Huber(), (1,), NUMBER),
        (Huber(), (3,), Targets((3,))),
    ],
    ids=str,
)
def test_what_fits_is_let_through(loss, shape, targets):
    loss.check(shape, targets)


@pytest.mark.parametrize(
    ("loss", "shape", "targets", "message"),
    [
        (
            SoftmaxWithLoss(),
            (30, 24, 24),
            LABELS_OF_10,
            "takes a vector of one output for each class, got (30, 24, 24); "
            'end the network with "flatten" and "affine"',
        ),
        (
            SoftmaxWithLoss(),
            (10,),
            Targets(classes=12),
            "takes one output for each of 12 classes, got (10,); give the last layer 12 units",
        ),
        (
            SoftmaxWithLoss(),
            (10,),
            Targets((12,)),
            "takes one output for each of 12 classes, got (10,); give the last layer 12 units",
        ),
        (
            SoftmaxWithLoss(),
            (1,),
            NUMBER,
            "takes labels of classes, or one probability for each class, got single numbers; "
            'for numbers there is "mean_squared_error"',
        ),
        (
            SoftmaxWithLoss(),
            (10,),
            Targets((3, 4)),
            "takes one output for each of 4 classes at each of (3,) positions, got (10,); "
            "let the last layer give (3, 4)",
        ),
        (
            SoftmaxWithLoss(),
            (10,),
            Targets((28, 28), classes=10),
            "takes one output for each of 10 classes at each of (28, 28) positions, got (10,); "
            "let the last layer give (28, 28, 10)",
        ),
        (
            SigmoidWithLoss(),
            (1,),
            LABELS_OF_10,
            'takes labels of 2 classes, got labels of 10 classes; use "softmax_with_loss"',
        ),
        (SigmoidWithLoss(), (2,), LABELS_OF_2, "takes one output for one target, got (2,)"),
        (
            SigmoidWithLoss(),
            (2,),
            Targets((3,)),
            "takes outputs of shape (3,) for targets of that shape, got (2,)",
        ),
        (MeanSquaredError(), (10,), NUMBER, "takes one output for one target, got (10,)"),
        (
            MeanSquaredError(),
            (10,),
            LABELS_OF_10,
            'takes numbers as targets, got labels of 10 classes; use "softmax_with_loss"',
        ),
        (
            Huber(),
            (3, 4),
            Targets((4, 3)),
            "takes outputs of shape (4, 3) for targets of that shape, got (3, 4)",
        ),
        (
            Huber(),
            (1,),
            LABELS_OF_2,
            'takes numbers as targets, got labels of 2 classes; use "softmax_with_loss"',
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_words(loss, shape, targets, message):
    with pytest.raises(ShapeError) as refusal:
        loss.check(shape, targets)

    assert str(refusal.value) == message


def test_each_loss_names_the_metrics_that_go_with_it():
    assert SoftmaxWithLoss.metrics == ("accuracy",)
    assert SigmoidWithLoss.metrics == ("binary_accuracy",)
    assert MeanSquaredError.metrics == ("mean_absolute_error", "r2")
    assert Huber.metrics == ("mean_absolute_error", "r2")


@pytest.mark.parametrize("wrong", [[-1, 1, 2], [0, 4, 2]])
def test_labels_of_no_class_are_refused(wrong):
    with pytest.raises(DataError, match=r"^labels must be from 0 to 3, got -?\d to \d$"):
        SoftmaxWithLoss().forward(np.zeros((3, 4)), np.array(wrong))
