"""Every metric of classes and numbers equals scikit-learn's, with and without weights."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

sk = pytest.importorskip("sklearn.metrics")

from layerkit import sigmoid, softmax  # noqa: E402
from layerkit.builtin import metrics as lk  # noqa: E402

CASES = 200


def value(metric, y, t, weights=None, meaning=None):
    """Return the value over three batches."""
    if meaning is not None:
        metric.meaning = meaning
    metric.reset()
    for rows in np.array_split(np.arange(len(y)), 3):
        if len(rows):
            metric.update(y[rows], t[rows], None if weights is None else weights[rows])
    return metric.value()


def seeds() -> Iterator[tuple[np.random.Generator, int]]:
    for seed in range(CASES):
        yield np.random.default_rng(seed), seed


def drawn_weights(rng, count) -> Any:
    """Return no weights, whole ones or others, none of them 0."""
    kind = rng.integers(3)
    if kind == 0:
        return None
    return rng.integers(1, 4, count).astype(float) if kind == 1 else rng.uniform(0.1, 3, count)


def outputs(rng, shape):
    """Return outputs, with many ties in half of the cases."""
    y = rng.normal(scale=2, size=shape)
    return np.round(y) if rng.integers(2) else y


def choices(rng, classes=None):
    """Return class logits, labels, weights and the number of classes; some classes are empty."""
    count, classes = int(rng.integers(1, 40)), classes or int(rng.integers(2, 6))
    t = rng.integers(0, rng.integers(1, classes + 1), count)
    return outputs(rng, (count, classes)), t, drawn_weights(rng, count), classes


def questions(rng):
    """Return logits of one yes or no, the right answers and weights; some are all yes or no."""
    count = int(rng.integers(1, 40))
    return outputs(rng, count), rng.random(count) < rng.random(), drawn_weights(rng, count)


def several_questions(rng):
    count, columns = int(rng.integers(1, 40)), int(rng.integers(2, 5))
    t = rng.random((count, columns)) < rng.random(columns)
    return outputs(rng, (count, columns)), t, drawn_weights(rng, count)


AVERAGES = ("macro", "micro", "weighted")
COUNTED = {"precision": lk.Precision, "recall": lk.Recall, "f1": lk.F1}


@pytest.mark.parametrize("name", COUNTED)
def test_precision_recall_and_f1_of_classes(name):
    reference = getattr(sk, f"{name}_score")
    for rng, seed in seeds():
        average = AVERAGES[seed % 3]
        y, t, weights, classes = choices(rng)
        how = {"sample_weight": weights, "zero_division": 0}
        given = y.argmax(axis=1)
        metric = COUNTED[name](average)

        expected = reference(t, given, average=average, **how)

        assert value(metric, y, t, weights, "class_logits") == pytest.approx(expected), seed
        each = reference(t, given, average=None, labels=np.arange(classes), **how)
        details = metric.details()["classes"]
        assert [number or 0 for number in details] == pytest.approx(list(each)), seed
        label = int(rng.integers(classes))
        one = value(COUNTED[name](label=label), y, t, weights, "class_logits")
        assert one == pytest.approx(each[label]), seed


@pytest.mark.parametrize("name", COUNTED)
def test_precision_recall_and_f1_of_one_question(name):
    reference = getattr(sk, f"{name}_score")
    for rng, seed in seeds():
        y, t, weights = questions(rng)

        expected = reference(t, y > 0, sample_weight=weights, zero_division=0)

        for metric, shown, meaning in (
            (COUNTED[name](), y, "logits"),
            (COUNTED[name](), sigmoid(y)[:, np.newaxis], "probabilities"),
            (COUNTED[name]("micro"), (y > 0).astype(float), "numbers"),
            (COUNTED[name]("weighted"), y, "logits"),
        ):
            assert value(metric, shown, t, weights, meaning) == pytest.approx(expected), seed


@pytest.mark.parametrize("name", COUNTED)
def test_precision_recall_and_f1_of_several_questions(name):
    reference = getattr(sk, f"{name}_score")
    for rng, seed in seeds():
        average = AVERAGES[seed % 3]
        y, t, weights = several_questions(rng)

        expected = reference(t, y > 0, average=average, sample_weight=weights, zero_division=0)

        assert value(COUNTED[name](average), y, t, weights, "logits") == pytest.approx(expected)
        metric = COUNTED[name](average, multilabel=True)
        p = sigmoid(y)
        assert value(metric, p, t, weights, "probabilities") == pytest.approx(expected), seed


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_confusion_matrix(classes):
    for rng, seed in seeds():
        y, t, weights, _ = choices(rng, classes)
        metric, given = lk.ConfusionMatrix(), y.argmax(axis=1)

        share = value(metric, y, t, weights, "class_logits")

        table = sk.confusion_matrix(t, given, labels=np.arange(classes), sample_weight=weights)
        np.testing.assert_allclose(metric.details()["matrix"], table)
        assert share == pytest.approx(sk.accuracy_score(t, given, sample_weight=weights)), seed


def test_confusion_matrix_of_one_question():
    for rng, seed in seeds():
        y, t, weights = questions(rng)
        metric = lk.ConfusionMatrix()

        share = value(metric, y, t, weights, "logits")

        table = sk.confusion_matrix(t, y > 0, labels=[False, True], sample_weight=weights)
        np.testing.assert_allclose(metric.details()["matrix"], table)
        assert share == pytest.approx(sk.accuracy_score(t, y > 0, sample_weight=weights)), seed


def test_roc_auc_and_average_precision_of_one_question():
    for rng, seed in seeds():
        y, t, weights = questions(rng)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of one class only, of which ours say nothing
            area = sk.roc_auc_score(t, y, sample_weight=weights)
            precision = sk.average_precision_score(t, y, sample_weight=weights)

        for meaning in ("logits", "numbers"):
            roc, average = lk.RocAuc(), lk.AveragePrecision()
            assert value(roc, y, t, weights, meaning) == pytest.approx(area, nan_ok=True), seed
            assert value(average, y, t, weights, meaning) == pytest.approx(precision), seed


def test_roc_auc_and_average_precision_of_several_questions():
    for rng, seed in seeds():
        y, t, weights = several_questions(rng)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            areas = sk.roc_auc_score(t, y, average=None, sample_weight=weights)
            precision = sk.average_precision_score(t, y, sample_weight=weights)
        exists = ~np.isnan(areas)
        roc, average = lk.RocAuc(), lk.AveragePrecision(multilabel=True)

        area = value(roc, y, t, weights, "logits")

        # scikit-learn's mean is NaN if any output has no curve; ours is over those that have one.
        expected = areas[exists].mean() if exists.any() else np.nan
        assert area == pytest.approx(expected, nan_ok=True), seed
        numbers = [np.nan if area is None else area for area in roc.details()["outputs"]]
        assert numbers == pytest.approx(list(areas), nan_ok=True)
        assert value(average, y, t, weights, "numbers") == pytest.approx(precision), seed


@pytest.mark.parametrize("meaning", ["class_logits", "probabilities"])
def test_roc_auc_and_average_precision_of_classes(meaning):
    for rng, seed in seeds():
        classes = int(rng.integers(3, 6))
        y, t, weights, _ = choices(rng, classes)
        t = np.concatenate([np.arange(classes), t])
        y = np.concatenate([rng.normal(size=(classes, classes)), y])
        weights = None if weights is None else np.concatenate([np.ones(classes), weights])
        p = softmax(y)
        given = y if meaning == "class_logits" else p

        area = sk.roc_auc_score(t, p, multi_class="ovr", sample_weight=weights)
        precision = sk.average_precision_score(t, p, sample_weight=weights)

        assert value(lk.RocAuc(), given, t, weights, meaning) == pytest.approx(area), seed
        average = lk.AveragePrecision()
        assert value(average, given, t, weights, meaning) == pytest.approx(precision), seed


def test_roc_auc_and_average_precision_leave_classes_without_examples_out():
    for rng, seed in seeds():
        y, t, weights, classes = choices(rng)
        p, present = softmax(y), np.unique(t)
        each = [
            [
                reference(t == label, p[:, label], sample_weight=weights)
                for label in (
                    present if len(present) > 1 or reference is not sk.roc_auc_score else []
                )
            ]
            for reference in (sk.roc_auc_score, sk.average_precision_score)
        ]

        area = value(roc := lk.RocAuc(), y, t, weights, "class_logits")

        expected = np.mean(each[0]) if each[0] else np.nan
        assert area == pytest.approx(expected, nan_ok=True), seed
        assert len(roc.details()["classes"]) == classes
        average = lk.AveragePrecision()
        precision = value(average, y, t, weights, "class_logits")
        assert precision == pytest.approx(np.mean(each[1])), seed


def test_log_loss_of_classes():
    for rng, seed in seeds():
        y, t, weights, classes = choices(rng)
        p = softmax(y)

        expected = sk.log_loss(t, p, labels=np.arange(classes), sample_weight=weights)

        assert value(lk.LogLoss(), y, t, weights, "class_logits") == pytest.approx(expected), seed
        assert value(lk.LogLoss(), p, t, weights) == pytest.approx(expected), seed
        one_hot = np.eye(classes)[t]
        metric = lk.LogLoss(multilabel=False)
        assert value(metric, p, one_hot, weights) == pytest.approx(expected), seed


def test_log_loss_of_one_question():
    for rng, seed in seeds():
        y, t, weights = questions(rng)

        expected = sk.log_loss(t, sigmoid(y), labels=[False, True], sample_weight=weights)

        assert value(lk.LogLoss(), y, t, weights, "logits") == pytest.approx(expected), seed
        assert value(lk.LogLoss(), sigmoid(y), t, weights) == pytest.approx(expected), seed


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_log_loss_of_probabilities_that_are_0_or_1(dtype):
    for rng, seed in seeds():
        t = rng.integers(0, 3, 20)
        p = np.eye(3, dtype=dtype)[rng.integers(0, 3, 20)]

        expected = sk.log_loss(t, p, labels=np.arange(3))

        assert value(lk.LogLoss(), p, t) == pytest.approx(expected, rel=1e-6), seed


def test_top_k():
    for rng, seed in seeds():
        classes = int(rng.integers(3, 6))
        y, t, weights, _ = choices(rng, classes)
        k = int(rng.integers(1, classes))

        labels = np.arange(classes)
        expected = sk.top_k_accuracy_score(t, y, k=k, labels=labels, sample_weight=weights)

        assert value(lk.TopK(k), y, t, weights, "class_logits") == pytest.approx(expected), seed


@pytest.mark.parametrize("shape", [(), (1,), (3,)])
def test_metrics_of_numbers(shape):
    for rng, seed in seeds():
        count = int(rng.integers(2, 40))
        t = rng.normal(size=(count, *shape)) * 10.0 ** rng.integers(-3, 4)
        y, weights = t + rng.normal(size=t.shape), drawn_weights(rng, count)
        for metric, reference in (
            (lk.RootMeanSquaredError(), sk.root_mean_squared_error),
            (lk.MeanAbsoluteError(), sk.mean_absolute_error),
            (lk.R2(), sk.r2_score),
        ):
            expected = reference(t, y, sample_weight=weights)
            assert value(metric, y, t, weights) == pytest.approx(expected, rel=1e-8), seed


def test_accuracies():
    for rng, seed in seeds():
        y, t, weights, _ = choices(rng)
        z, answers, of_answers = questions(rng)

        expected = sk.accuracy_score(t, y.argmax(axis=1), sample_weight=weights)
        binary = sk.accuracy_score(answers, z > 0, sample_weight=of_answers)

        assert value(lk.Accuracy(), y, t, weights) == pytest.approx(expected), seed
        assert value(lk.BinaryAccuracy(), z, answers, of_answers) == pytest.approx(binary), seed
