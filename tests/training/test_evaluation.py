import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, strategies as st

from layerkit import DataError, MeanMetric, Metric, Network, Split, UserError
from layerkit.builtin.layers import Affine, BatchNorm, Dropout, Relu
from layerkit.builtin.losses import MeanSquaredError, SoftmaxWithLoss
from layerkit.builtin.metrics import R2, Accuracy
from layerkit.training import evaluate

RNG = np.random.default_rng(0)
X = RNG.normal(size=(37, 4))


def network(loss, units):
    layers = [Affine(6), BatchNorm(), Relu(), Dropout(), Affine(units)]
    return Network(layers, (4,), loss=loss, dtype="float64").initialize(0)


def test_the_loss_and_the_metrics_are_those_of_the_whole_split_at_once():
    net, t = network(SoftmaxWithLoss(), 3), RNG.integers(0, 3, 37)

    scores = evaluate(net, Split(X, t), {"accuracy": Accuracy()})

    assert scores == {
        "loss": pytest.approx(net.loss(X, t), rel=1e-12),
        "accuracy": pytest.approx(net.accuracy(X, t), rel=1e-12),
    }


@given(rows=st.integers(1, 40))
def test_the_size_of_the_batches_makes_no_difference(rows):
    net, t = network(MeanSquaredError(), 2), np.random.default_rng(1).normal(size=(37, 2))
    split, metrics = Split(X, t), {"r2": R2()}

    whole = evaluate(net, split, metrics)
    net.rows_at_once = rows
    parts = evaluate(net, split, metrics)

    assert parts == {name: pytest.approx(score, rel=1e-12) for name, score in whole.items()}


def test_no_more_rows_are_computed_at_once_than_the_network_says():
    seen = []

    class Rows(MeanMetric):
        def each(self, y, t):
            seen.append(len(y))
            return np.zeros(len(y))

    net = network(MeanSquaredError(), 2)
    net.rows_at_once = 10

    evaluate(net, Split(X, np.zeros((37, 2))), {"rows": Rows()})

    assert seen == [10, 10, 10, 7]


def test_a_loss_that_overflows_where_the_weight_is_0_is_not_a_division_by_0():
    net, t = network(MeanSquaredError(), 2), np.full((37, 2), 1e200)
    weights = np.zeros(37)

    with np.errstate(over="ignore", invalid="ignore"):
        loss = evaluate(net, Split(X, t, weights=weights), {})["loss"]

    assert np.isnan(loss)


def test_bytes_are_scaled_as_in_training():
    pixels, t = RNG.integers(0, 256, (37, 4), dtype=np.uint8), RNG.integers(0, 3, 37)
    net = network(SoftmaxWithLoss(), 3)

    scores = evaluate(net, Split(pixels, t, 1 / 255), {})

    assert scores == {"loss": pytest.approx(net.loss(pixels / 255, t))}


def test_scores_are_plain_floats_whatever_a_metric_returns():
    class Rough(Metric):
        def reset(self):
            pass

        def update(self, y, t):
            pass

        def value(self):
            return np.float32(0.5)

    scores = evaluate(
        network(MeanSquaredError(), 2), Split(X, np.zeros((37, 2))), {"rough": Rough()}
    )

    assert {type(score) for score in scores.values()} == {float}


def test_outputs_may_come_from_elsewhere():
    seen = []

    def outputs(part):
        seen.append(part)
        return None if len(seen) == 2 else np.ones((len(part), 2))

    net = network(MeanSquaredError(), 2)
    net.params[...] = 0
    net.rows_at_once = 10
    pixels = RNG.integers(0, 256, (37, 4), dtype=np.uint8)

    scores = evaluate(net, Split(pixels, np.zeros((37, 2)), 1 / 255), {}, outputs)

    np.testing.assert_array_equal(np.concatenate([part.x for part in seen]), pixels)
    assert {part.scale for part in seen} == {1 / 255}
    # The ten examples that are left to the network have outputs of 0.
    assert scores["loss"] == pytest.approx(27 / 37)


def test_every_evaluation_begins_anew():
    net, t, metrics = network(SoftmaxWithLoss(), 3), RNG.integers(0, 3, 37), {"a": Accuracy()}

    first = evaluate(net, Split(X, t), metrics)
    evaluate(net, Split(X, (t + 1) % 3), metrics)

    assert evaluate(net, Split(X, t), metrics) == first


@pytest.mark.parametrize("outputs", [None, lambda part: part.x[:, :2] - part.x[:, :2]])
def test_a_loss_that_is_not_finite_ends_it_with_that_batch_still_in_the_network(outputs):
    x = X.copy()
    x[12] = np.inf
    net = network(MeanSquaredError(), 2)
    net.rows_at_once = 10

    with np.errstate(invalid="ignore"):
        scores = evaluate(net, Split(x, np.zeros((37, 2))), {}, outputs)

    assert not np.isfinite(scores["loss"])
    assert net.first_non_finite() == "the data"


def test_where_the_loss_is_not_finite_no_metric_is_told_of_a_part():
    x = X.copy()
    x[12] = np.nan
    net = network(SoftmaxWithLoss(), 3)
    net.rows_at_once = 10

    scores = evaluate(net, Split(x, np.zeros(37, int)), {"accuracy": Accuracy()})

    assert np.isnan([scores["loss"], scores["accuracy"]]).all()


def test_without_examples_there_is_nothing_to_evaluate():
    with pytest.raises(DataError, match=r"^an evaluation takes at least one example, got none$"):
        evaluate(network(SoftmaxWithLoss(), 3), Split(X[:0], np.zeros(0, int)), {})


def test_a_metric_judges_one_evaluation_at_a_time():
    """A metric gathers what it sees; two threads that share one would mix their examples."""
    inside, go_on = threading.Event(), threading.Event()

    class Waiting(Accuracy):
        def update(self, y, t):
            inside.set()
            go_on.wait(30)
            super().update(y, t)

    shared, split = {"right": Waiting()}, Split(X, RNG.integers(0, 3, 37))
    nets = [network(SoftmaxWithLoss(), 3) for _ in range(2)]

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(evaluate, nets[0], split, shared)
        inside.wait(30)
        try:
            with pytest.raises(UserError) as caught:
                evaluate(nets[1], split, shared)
        finally:
            go_on.set()

    assert str(caught.value) == (
        'the metric "right" is in use by another evaluation; give each simultaneous evaluation '
        "its own metrics"
    )
    assert first.result() == evaluate(nets[1], split, shared)  # and afterwards it is free


def test_weights_of_examples_count_in_the_loss_and_in_metrics():
    net, t = network(SoftmaxWithLoss(), 3), RNG.integers(0, 3, 37)
    weights = np.arange(37.0) % 3
    rows = np.repeat(np.arange(37), np.arange(37) % 3)

    weighted = evaluate(net, Split(X, t, weights=weights), {"accuracy": Accuracy()})

    repeated = evaluate(net, Split(X[rows], t[rows]), {"accuracy": Accuracy()})
    assert weighted == {name: pytest.approx(score, rel=1e-12) for name, score in repeated.items()}


def test_a_metric_that_takes_no_weights_is_refused_where_there_are_some():
    class Plain(Metric):
        def reset(self):
            pass

        def update(self, y, t):
            pass

        def value(self):
            return 0.0

    net, t = network(SoftmaxWithLoss(), 3), RNG.integers(0, 3, 37)

    with pytest.raises(UserError, match="Plain takes no weights of examples"):
        evaluate(net, Split(X, t, weights=np.ones(37)), {"plain": Plain()})
