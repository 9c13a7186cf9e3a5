import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, strategies as st

from layerkit import ShapeError, Targets
from layerkit.builtin.metrics import (
    R2,
    Accuracy,
    BinaryAccuracy,
    MeanAbsoluteError,
    RootMeanSquaredError,
)


def value_of(metric, *batches):
    metric.reset()
    for y, t in batches:
        metric.update(np.asarray(y), np.asarray(t))
    return metric.value()


LOGITS = [[1.0, 3.0, 2.0], [5.0, 0.0, 1.0], [0.0, 0.1, 0.2], [0.0, -1.0, -2.0]]


def test_accuracy_counts_where_the_largest_output_is_at_the_label():
    assert value_of(Accuracy(), (LOGITS, [1, 0, 0, 2])) == 0.5


def test_accuracy_takes_one_hot_targets_too():
    one_hot = np.eye(3)[[1, 0, 0, 2]]

    assert value_of(Accuracy(), (LOGITS, one_hot)) == 0.5


def test_accuracy_counts_each_position_alone():
    y = [[[0, 1], [1, 0]], [[0, 1], [0, 1]]]

    assert value_of(Accuracy(), (y, [[1, 1], [1, 1]])) == 0.75
    assert value_of(Accuracy(), (y, np.eye(2)[[[1, 1], [1, 1]]])) == 0.75


def test_accuracy_is_of_all_examples_and_not_of_batches():
    batches = [(LOGITS[:3], [1, 0, 2]), (LOGITS[3:], [2])]

    assert value_of(Accuracy(), *batches) == 0.75


@pytest.mark.parametrize(
    ("y", "t"),
    [
        ([[2.0], [-1.0], [0.5], [-3.0]], [1, 0, 0, 1]),
        ([2.0, -1.0, 0.5, -3.0], [1, 0, 0, 1]),
        ([[2.0], [-1.0], [0.5], [-3.0]], [[1.0], [0.0], [0.0], [1.0]]),
    ],
    ids=["one output for labels", "outputs like the labels", "outputs like the numbers"],
)
def test_binary_accuracy_asks_on_which_side_of_0_a_logit_is(y, t):
    assert value_of(BinaryAccuracy(), (y, t)) == 0.5


def test_binary_accuracy_counts_each_output_alone():
    y = [[1.0, -1.0, 1.0, 1.0], [-1.0, -1.0, -1.0, -1.0]]
    t = [[1, 0, 1, 0], [0, 0, 0, 0]]

    assert value_of(BinaryAccuracy(), (y, t)) == 7 / 8


def test_mean_absolute_error_is_a_mean_over_examples_and_outputs():
    first = ([[1.0, 2.0], [3.0, 4.0]], [[1.0, 4.0], [2.0, 7.0]])
    second = ([[0.0, 0.0]], [[3.0, -3.0]])

    # |0| + |-2| + |1| + |-3| + |-3| + |3| = 12 over 6 numbers
    assert value_of(MeanAbsoluteError(), first, second) == 2.0
    assert not MeanAbsoluteError.higher_is_better


def test_mean_absolute_error_takes_one_output_for_single_numbers():
    assert value_of(MeanAbsoluteError(), ([[1.0], [2.0]], [2.0, 5.0])) == 2.0


def test_r2_is_the_share_of_the_spread_that_is_explained():
    # The spread around the mean 2.5 is 2.25 + 0.25 + 0.25 + 2.25 = 5; the residuals are 4 of 1/4.
    assert value_of(R2(), ([1.5, 2.5, 2.5, 3.5], [1, 2, 3, 4])) == pytest.approx(0.8)


def test_r2_of_the_mean_is_0_and_of_the_targets_1():
    t = [1.0, 2.0, 6.0]

    assert value_of(R2(), ([3.0, 3.0, 3.0], t)) == pytest.approx(0)
    assert value_of(R2(), (t, t)) == 1


def test_r2_of_several_outputs_is_the_mean_of_each_ones_own():
    t = np.array([[1.0, 100.0], [2.0, 200.0], [6.0, 600.0]])
    y = np.column_stack([t[:, 0], [300.0, 300.0, 300.0]])

    assert value_of(R2(), (y, t)) == pytest.approx(0.5)


def test_r2_of_targets_that_are_all_the_same_is_1_if_exact_and_0_if_not():
    t = [0.1] * 7

    assert value_of(R2(), (t, t), (t, t)) == 1
    assert value_of(R2(), (t, t), ([0.2] * 7, t)) == 0


def test_r2_keeps_its_digits_where_the_mean_is_far_larger_than_the_spread():
    t = 1e9 + np.array([1.0, 2.0, 3.0, 4.0])
    y = t + np.array([0.5, 0.5, -0.5, -0.5])

    assert value_of(R2(), (y[:1], t[:1]), (y[1:], t[1:])) == pytest.approx(0.8, rel=1e-9)


@given(
    seed=st.integers(0, 1000),
    cuts=st.sets(st.integers(1, 19), max_size=5),
    offset=st.sampled_from([0.0, 1e3, -1e6]),
)
def test_r2_does_not_depend_on_how_the_examples_come_in_batches(seed, cuts, offset):
    rng = np.random.default_rng(seed)
    t = rng.normal(size=(20, 2)) * [1, 50] + offset
    y = t + rng.normal(size=t.shape)
    ends = [0, *sorted(cuts), 20]
    batches = [(y[i:j], t[i:j]) for i, j in pairwise(ends)]
    unexplained = ((y - t) ** 2).sum(axis=0) / ((t - t.mean(axis=0)) ** 2).sum(axis=0)

    assert value_of(R2(), *batches) == pytest.approx(1 - unexplained.mean(), rel=1e-8)


@pytest.mark.parametrize("metric", [Accuracy(), BinaryAccuracy(), MeanAbsoluteError(), R2()])
def test_reset_forgets_and_before_the_first_batch_there_is_no_number(metric):
    y = np.array([[0.0, 1.0], [1.0, 0.0]])
    value_of(metric, (y, y), (y, 1 - y))

    assert value_of(metric, (y, y)) == (0 if isinstance(metric, MeanAbsoluteError) else 1)
    metric.reset()
    assert math.isnan(metric.value())


@pytest.mark.parametrize("metric", [Accuracy(), BinaryAccuracy(), MeanAbsoluteError(), R2()])
def test_metrics_leave_outputs_and_targets_alone(metric):
    y = np.array([[0.0, 1.0], [1.0, 0.0]], np.float32)
    t = np.array([[1.0, 0.0], [0.5, 0.0]])
    y.flags.writeable = t.flags.writeable = False

    assert math.isfinite(value_of(metric, (y, t)))


@pytest.mark.parametrize(
    ("metric", "shape", "targets"),
    [
        (Accuracy(), (3,), Targets(classes=3)),
        (Accuracy(), (3,), Targets((3,))),
        (Accuracy(), (7, 3), Targets((7,), classes=3)),
        (BinaryAccuracy(), (1,), Targets(classes=2)),
        (BinaryAccuracy(), (4,), Targets((4,))),
        (MeanAbsoluteError(), (1,), Targets()),
        (R2(), (2, 3), Targets((2, 3))),
    ],
)
def test_a_metric_takes_outputs_that_fit_the_targets(metric, shape, targets):
    metric.check(shape, targets)


@pytest.mark.parametrize(
    ("metric", "shape", "targets", "message"),
    [
        (Accuracy(), (4,), Targets(classes=3), "takes one output for each of 3 classes, got"),
        (Accuracy(), (1,), Targets(), "takes labels of classes, or one probability"),
        (BinaryAccuracy(), (3,), Targets(classes=3), "takes labels of 2 classes, got labels of 3"),
        (BinaryAccuracy(), (2,), Targets(classes=2), "takes one output for one target, got"),
        (MeanAbsoluteError(), (3,), Targets(classes=3), "takes numbers as targets, got labels"),
        (R2(), (3,), Targets((2,)), "takes outputs of shape"),
    ],
)
def test_a_metric_refuses_outputs_that_do_not_fit_the_targets(metric, shape, targets, message):
    with pytest.raises(ShapeError, match=message):
        metric.check(shape, targets)


def test_root_mean_squared_error_is_the_mean_of_each_outputs_own_root():
    # The squares of the first output are 9, 16 and 0, and those of the second 1, 1 and 1.
    batches = [([[3.0, 1.0], [4.0, 1.0]], [[0.0, 0.0]] * 2), ([[0.0, 1.0]], [[0.0, 0.0]])]

    assert value_of(RootMeanSquaredError(), *batches) == pytest.approx((math.sqrt(25 / 3) + 1) / 2)
    assert value_of(RootMeanSquaredError(), ([[3.0], [5.0]], [0.0, 0.0])) == math.sqrt(17)
    assert math.isnan(value_of(RootMeanSquaredError()))
    assert not RootMeanSquaredError.higher_is_better


@pytest.mark.parametrize("of", [R2, RootMeanSquaredError, MeanAbsoluteError])
def test_errors_of_examples_with_weights(of):
    rng = np.random.default_rng(0)
    t = rng.normal(size=(10, 2)) + 1e3
    y, counts = t + rng.normal(size=t.shape), np.array([0, 2, 1, 3, 0, 0, 1, 1, 2, 0])
    y[0], t[0] = np.nan, 1e9  # an example of weight 0
    weighted = of()
    weighted.reset()

    for rows in (slice(1), slice(1, 5), slice(5, 10)):
        weighted.update(y[rows], t[rows], counts[rows])

    repeated = np.repeat(y, counts, axis=0), np.repeat(t, counts, axis=0)
    assert weighted.value() == pytest.approx(value_of(of(), repeated), rel=1e-9)


def test_the_root_mean_squared_error_is_for_numbers():
    metric = RootMeanSquaredError()
    metric.check((2,), Targets((2,)))
    metric.check_targets((2,), np.zeros((3, 2)))

    with pytest.raises(ShapeError, match=r'takes numbers as targets, .*; use "accuracy"'):
        metric.check((3,), Targets(classes=3))
