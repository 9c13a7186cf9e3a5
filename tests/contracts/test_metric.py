import math

import numpy as np
import pytest

from layerkit import (
    DataError,
    MeanMetric,
    Metric,
    PluginError,
    ShapeError,
    Targets,
    UserError,
    WholeSetMetric,
)
from layerkit.errors import NotReadyError

Y = np.array([[1.0], [2.0], [4.0], [9.0]])
T = np.array([0.0, 0.0, 0.0, 0.0])


class MeanError(MeanMetric):
    def each(self, y, t):
        return np.abs(y[:, 0] - t)


class OfTwo(Metric):
    """A metric as they were before there were weights."""

    def reset(self):
        self.batches = []

    def update(self, y, t):
        self.batches.append((y, t))

    def value(self):
        return float(len(self.batches))


class Weighted(OfTwo):
    def update(self, y, t, weights=None):
        self.batches.append(weights)


class Required(OfTwo):
    def update(self, y, t, weights):
        self.batches.append(weights)


class Median(WholeSetMetric):
    def over_all(self, y, t):
        return np.median(np.abs(y - t))


class Largest(WholeSetMetric):
    def over_all(self, y, t, weights):
        self.seen = y, t, weights
        return np.abs(y - t).max()


class Tabled(Largest):
    def details_over_all(self, y, t, weights):
        return {"largest": [float(np.abs(y - t).max())], "weights": weights.tolist()}


def judged(metric, *batches):
    metric.reset()
    for batch in batches:
        metric.update(*batch)
    return metric.value()


# weights


def test_a_mean_is_weighted():
    # (1 * 1 + 2 * 0 + 4 * 3 + 9 * 0.5) / (1 + 0 + 3 + 0.5)
    weights = np.array([1, 0, 3, 0.5])

    assert judged(MeanError(), (Y, T, weights)) == pytest.approx(17.5 / 4.5)
    parts = [(Y[:3], T[:3], weights[:3]), (Y[3:], T[3:], weights[3:])]
    assert judged(MeanError(), *parts) == pytest.approx(17.5 / 4.5)


def test_batches_with_and_without_weights_can_follow_each_other():
    assert judged(MeanError(), (Y[:2], T[:2]), (Y[2:], T[2:], [2, 0])) == (1 + 2 + 8) / 4
    metric = Largest()
    judged(metric, (Y[:2], T[:2]), (Y[2:], T[2:], [2, 0.5]))
    assert metric.seen[2].tolist() == [1, 1, 2, 0.5]


def test_what_weighs_nothing_may_be_nan():
    y = np.array([[1.0], [np.nan]])

    assert judged(MeanError(), (y, T[:2], [1, 0])) == 1
    assert judged(Largest(), (y, T[:2], [1, 0])) == 1


@pytest.mark.parametrize("metric", [MeanError(), Largest()])
def test_of_examples_that_weigh_nothing_there_is_no_number(metric):
    assert math.isnan(judged(metric, (Y, T, np.zeros(4))))
    assert metric.details() == {}


@pytest.mark.parametrize("metric", [MeanError(), Weighted(), Required(), Largest()])
@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        ([1, 1, 1], ShapeError, r"takes one weight for each of 4 examples, got \(3,\)"),
        (np.ones((4, 1)), ShapeError, r"takes one weight for each of 4 examples, got \(4, 1\)"),
        (2.0, ShapeError, r"takes one weight for each of 4 examples, got \(\)"),
        ([1, 1, -1, 1], DataError, r": weights must be finite and at least 0, got -1 at \[2\]"),
        (
            [1, np.nan, 1, 1],
            DataError,
            r": weights must be finite and at least 0, got nan at \[1\]",
        ),
        (
            [1, 1, 1, np.inf],
            DataError,
            r": weights must be finite and at least 0, got inf at \[3\]",
        ),
        (["a"] * 4, DataError, ": weights must be an array of integers or floats"),
        ([1j] * 4, DataError, ": weights must be an array of integers or floats"),
    ],
    ids=str,
)
def test_wrong_weights_are_refused_by_name(metric, weights, error, message):
    metric.reset()

    with pytest.raises(error, match=type(metric).__name__ + ".*" + message):
        metric.update(Y, T, weights)


@pytest.mark.parametrize("weights", [[True, False, True, True], [1, 0, 1, 1]])
def test_weights_arrive_as_floats(weights):
    metric = Weighted()

    judged(metric, (Y, T, weights), (Y, T))

    assert metric.batches[0].dtype == np.float64
    assert metric.batches[0].tolist() == [1, 0, 1, 1]
    assert metric.batches[1] is None


def test_an_update_whose_weights_have_no_default_gets_none():
    metric = Required()

    judged(metric, (Y, T))

    assert metric.batches == [None]


@pytest.mark.parametrize("metric", [OfTwo(), Median()])
def test_a_metric_without_weights_works_and_refuses_weights_in_words(metric):
    assert not metric.takes_weights
    assert judged(metric, (Y, T), (Y, T)) in (2, 3)
    with pytest.raises(UserError) as refusal:
        metric.update(Y, T, np.ones(4))
    assert str(refusal.value) == (
        f"{type(metric).__name__} takes no weights of examples, and they have weights; leave the "
        "metric out, or let its methods take them, as in update(self, y, t, weights=None)"
    )


def test_a_class_knows_whether_it_takes_weights():
    class Passing(OfTwo):
        def update(self, y, t, weights=None):
            super().update(y, t, weights)

    class Untold(Tabled):
        def details_over_all(self, y, t):
            return {}

    assert MeanError.takes_weights
    assert Weighted.takes_weights
    assert Largest.takes_weights
    assert Tabled.takes_weights
    assert not Untold.takes_weights
    metric = Passing()
    metric.reset()
    metric.update(Y, T)
    with pytest.raises(UserError, match="Passing takes no weights of examples"):
        metric.update(Y, T, np.ones(4))  # rather than to lose them on the way


def test_a_mean_of_something_else_than_examples_is_refused():
    class Rows(MeanMetric):
        def each(self, y, t):
            return y

    y = np.ones((4, 2))

    for weights in (None, np.ones(4)):
        with pytest.raises(PluginError, match="Rows: each must return one number for each of 4"):
            judged(Rows(), (y, T, weights))
    assert judged(Rows(), (Y, T)) == 4


# the whole set


def test_a_metric_of_the_whole_set_is_no_mean_over_batches():
    # The medians of the batches are 1.5 and 9.
    assert judged(Median(), (Y[:2], T[:2]), (Y[3:], T[3:])) == 2


def test_the_whole_set_arrives_in_order_with_its_weights():
    metric = Largest()

    judged(metric, (Y[:3], T[:3], [1, 0, 2]), (Y[3:], T[3:]))

    y, t, weights = metric.seen
    assert y.tolist() == [[1], [4], [9]]
    assert t.shape == y.shape
    assert weights.tolist() == [1, 2, 1]


def test_labels_stay_labels():
    metric = Largest()
    metric.reset()
    labels, y = np.array([[0, 1], [1, 2]]), np.ones((2, 2, 3))

    metric.update(y, labels)

    with pytest.raises(ShapeError, match="targets must be labels of shape"):
        metric.update(y, labels[:1])
    with pytest.raises(DataError, match="labels must be from 0 to 2, got 1 to 3"):
        metric.update(y, labels + 1)
    assert metric._batches[0][1].tolist() == labels.tolist()


def test_more_batches_may_come_after_the_value():
    metric = Median()

    assert judged(metric, (Y[:2], T[:2])) == 1.5
    metric.update(Y[2:3], T[2:3])
    assert metric.value() == metric.value() == 2
    metric.reset()
    assert math.isnan(metric.value())


def test_the_value_is_a_float():
    assert type(judged(Largest(), (Y.astype(np.float32), T))) is float


def test_before_reset_it_says_so():
    with pytest.raises(NotReadyError, match=r"call reset\(\) first"):
        Largest().update(Y, T)
    with pytest.raises(NotReadyError, match=r"call reset\(\) first"):
        Largest().value()


def test_details_are_of_the_whole_set():
    metric = Tabled()

    judged(metric, (Y[:2], T[:2]), (Y[2:], T[2:], [3, 0]))

    assert metric.details() == {"largest": [4], "weights": [1, 1, 3]}
    assert MeanError().details() == {}


def test_a_metric_says_how_much_it_keeps():
    # 10 outputs of 4 bytes, a label and a weight of 8 bytes each, twice
    assert Largest().bytes_per_example((10,), Targets(classes=10), 4) == 2 * (40 + 8 + 8)
    assert MeanError().bytes_per_example((10,), Targets(classes=10), 4) == 0
