import math
import tracemalloc

import numpy as np
import pytest

from layerkit import DataError, Network, Split, Targets
from layerkit.builtin.layers import Affine, Relu
from layerkit.builtin.losses import SoftmaxWithLoss
from layerkit.builtin.metrics import AveragePrecision, RocAuc
from layerkit.training import evaluate

BOTH = [RocAuc, AveragePrecision]


def judged(metric, y, t, weights=None, meaning="numbers"):
    metric.meaning = meaning
    metric.reset()
    metric.update(np.asarray(y, float), np.asarray(t), weights)
    return metric.value()


def test_roc_auc_counts_pairs_in_the_right_order():
    # Of 2 yes and 3 no, 5 of 6 pairs are in order, of which one is a tie.
    y, t = [0.9, 0.8, 0.8, 0.4, 0.1], [1, 0, 1, 0, 0]

    assert judged(RocAuc(), y, t) == pytest.approx(5.5 / 6)
    assert judged(RocAuc(), y, t, np.array([1, 0, 1, 1, 1])) == 1
    assert judged(RocAuc(), y, t, np.array([1, 3, 1, 1, 1])) == pytest.approx(8.5 / 10)


def test_average_precision_is_the_precision_at_each_step_of_the_recall():
    # The first yes comes with precision 1; the second in a tie, with 2 of 3.
    assert judged(AveragePrecision(), [0.9, 0.8, 0.8, 0.4], [1, 0, 1, 0]) == pytest.approx(5 / 6)


@pytest.mark.parametrize("of", BOTH)
@pytest.mark.parametrize("offset", [0, 40, -800])
def test_logits_that_saturate_keep_their_order(of, offset):
    y = np.array([3.0, 2.0, 1.0, 0.0]) + offset

    assert judged(of(), y, [1, 1, 0, 0], meaning="logits") == 1
    assert judged(of(), -y, [0, 0, 1, 1], meaning="logits") == 1


def test_outputs_that_are_all_the_same_have_no_order():
    assert judged(RocAuc(), [0.3] * 5, [1, 0, 0, 1, 0]) == 0.5
    assert judged(AveragePrecision(), [0.3] * 5, [1, 0, 0, 1, 0]) == 2 / 5


def test_of_one_class_only():
    for t, precision in (([1, 1], 1), ([0, 0], 0)):
        roc, average = RocAuc(), AveragePrecision()
        assert math.isnan(judged(roc, [0.2, 0.7], t))
        assert roc.details() == {"outputs": [None]}
        assert judged(average, [0.2, 0.7], t) == precision
        assert average.details() == {"outputs": [precision or None]}


def test_classes_without_a_curve_are_left_out():
    y = np.eye(3)[[0, 1, 1]]
    roc, average = RocAuc(), AveragePrecision()

    assert judged(roc, y, [0, 1, 0], meaning="class_logits") == 0.75
    assert roc.details() == {"classes": [0.75, 0.75, None]}
    assert judged(average, y, [0, 1, 0], meaning="class_logits") == pytest.approx(
        ((1 / 2 + 2 / 3 / 2) + 1 / 2) / 2
    )
    assert average.details()["classes"][2] is None


@pytest.mark.parametrize("of", BOTH)
def test_of_a_diverged_network_there_is_no_number_and_no_warning(of):
    for meaning in ("class_logits", "numbers"):
        metric = of()
        assert math.isnan(judged(metric, [[0.1, np.nan], [1, 0]], [0, 1], meaning=meaning))
        assert metric.details()["classes"][1] is None
    assert math.isnan(judged(of(), [[np.inf, 0], [1, 0]], [0, 1], meaning="class_logits"))
    assert judged(of(), [np.inf, np.inf, -np.inf], [1, 1, 0], meaning="logits") == 1


@pytest.mark.parametrize(
    ("of", "shape", "t", "message"),
    [
        (RocAuc, (1,), [1, 1, 1], "RocAuc needs examples of at least two classes, or both"),
        (RocAuc, (3,), [2, 2, 2], "RocAuc needs examples of at least two classes, or both"),
        (AveragePrecision, (1,), [0, 0], "AveragePrecision needs at least one target that is yes"),
    ],
)
def test_a_part_without_a_curve_is_refused_before_training(of, shape, t, message):
    with pytest.raises(DataError, match=message + '.*"stratify": true'):
        of().check_targets(shape, np.array(t))


@pytest.mark.parametrize("of", BOTH)
def test_a_part_with_a_curve_is_not_refused(of):
    of().check_targets((), np.array([0, 1]))
    of().check_targets((3,), np.array([2, 0]))
    of(multilabel=True).check_targets((2,), np.array([[0, 1], [0, 0]]))
    AveragePrecision().check_targets((), np.array([1, 1]))


@pytest.mark.parametrize("of", BOTH)
def test_one_example_of_each_class_is_enough(of):
    assert judged(of(), [0.2, 0.7], [0, 1]) == 1
    assert judged(of(multilabel=True), [[0.2, 0.9], [0.7, 0.1]], [[0, 1], [1, 0]]) == 1


@pytest.mark.parametrize(
    ("classes", "meaning", "dtype"),
    [(10, "class_logits", "float32"), (10, "class_logits", "float64"), (50, "numbers", "float32")],
)
def test_the_memory_that_is_told_is_about_what_it_takes(classes, meaning, dtype):
    rng, count = np.random.default_rng(0), 50_000
    y, t = rng.normal(size=(count, classes)).astype(dtype), rng.integers(0, classes, count)
    metric = RocAuc()
    metric.meaning = meaning

    tracemalloc.start()
    metric.reset()
    for rows in np.array_split(np.arange(count), 10):
        metric.update(y[rows], t[rows])
    metric.value()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    told = metric.bytes_per_example((classes,), Targets(classes=classes), y.itemsize) * count
    assert told / 1.75 < peak < told * 1.75


@pytest.mark.parametrize("rows", [1, 7, 100])
def test_an_evaluation_in_parts_is_one_over_the_whole_set(rows):
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(50, 4)), rng.integers(0, 3, 50)
    network = Network([Affine(8), Relu(), Affine(3)], (4,), loss=SoftmaxWithLoss()).initialize(0)
    network.rows_at_once = rows
    metrics = {"roc_auc": RocAuc(), "average_precision": AveragePrecision()}

    scores = evaluate(network, Split(x, t), metrics)

    y = network.predict(x)
    for name, of in (("roc_auc", RocAuc), ("average_precision", AveragePrecision)):
        assert scores[name] == pytest.approx(judged(of(), y, t, meaning="class_logits"), rel=1e-6)
        assert 0.2 < scores[name] < 0.8
