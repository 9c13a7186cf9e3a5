import numpy as np
import pytest

from layerkit import DataError, ShapeError, Targets
from layerkit.builtin.metrics import (
    F1,
    AveragePrecision,
    ConfusionMatrix,
    LogLoss,
    Precision,
    Recall,
    RocAuc,
)

ALL = (AveragePrecision, ConfusionMatrix, F1, LogLoss, Precision, Recall, RocAuc)
Y = np.array([[0.2, 0.8], [0.6, 0.4], [0.7, 0.3], [0.1, 0.9]])
T = np.array([[0, 1], [1, 0], [0, 1], [0, 1]])


def meaning(metric, means):
    metric.meaning = means
    return metric


def judged(metric, y, t):
    metric.reset()
    metric.update(y, t)
    return metric.value()


@pytest.mark.parametrize("of", ALL)
def test_targets_of_the_shape_of_several_outputs_need_to_be_told(of):
    message = (
        "cannot tell whether outputs and targets of the same shape are one choice among classes "
        'or a yes or no each; set "multilabel" to false or true'
    )
    metric = meaning(of(), "probabilities")

    for refused in (
        lambda: metric.check((2,), Targets((2,))),
        lambda: metric.check_targets((2,), T),
        lambda: judged(metric, Y, T),
    ):
        with pytest.raises(ShapeError) as refusal:
            refused()
        assert str(refusal.value) == message
    meaning(of(multilabel=False), "probabilities").check((2,), Targets((2,)))


@pytest.mark.parametrize("of", ALL)
@pytest.mark.parametrize(("means", "kind"), [(("logits"), "yes"), ("class_logits", "choice")])
def test_what_the_loss_takes_determines_it(of, means, kind):
    metric = meaning(of(), means)

    assert metric.is_choice((2,), (2,)) is (kind == "choice")
    wrong = meaning(of(multilabel=kind == "choice"), means)
    with pytest.raises(ShapeError, match=r'cannot take "multilabel": .*; leave the option out'):
        wrong.check((2,), Targets((2,)))


@pytest.mark.parametrize("means", ["numbers", "probabilities"])
def test_labels_of_classes_and_single_outputs_need_not_be_told(means):
    for metric in (F1(), RocAuc()):
        meaning(metric, means).check((3,), Targets(classes=3))
        metric.check((5, 3), Targets((5,), classes=3))
        metric.check((1,), Targets(classes=2))
        metric.check((), Targets())


@pytest.mark.parametrize(
    ("metric", "shape", "targets", "message"),
    [
        (F1(), (4,), Targets(classes=3), "takes one output for each of 3 classes, got"),
        (F1(), (1,), Targets(classes=3), "takes labels of 2 classes, got labels of 3"),
        (RocAuc(multilabel=True), (3,), Targets(classes=3), "takes labels of 2 classes"),
        (RocAuc(), (3,), Targets(), "takes labels of classes, or one probability for each class"),
        (Recall(label=3), (3,), Targets(classes=3), "takes a label from 0 to 2, one for each out"),
        (Recall(label=1), (1,), Targets(classes=2), "takes a label from 0 to 0, one for each out"),
        (
            ConfusionMatrix(multilabel=True),
            (3,),
            Targets((3,)),
            'got 3 outputs that each say yes or no; use "precision" and "recall"',
        ),
    ],
)
def test_outputs_that_do_not_fit_are_refused(metric, shape, targets, message):
    with pytest.raises(ShapeError, match=message):
        metric.check(shape, targets)


@pytest.mark.parametrize("of", ALL)
def test_targets_that_are_no_answers_are_refused(of):
    with pytest.raises(DataError, match="targets must be probabilities, from 0 to 1, got 0 to 350"):
        meaning(of(), "logits").check_targets((), np.array([0, 350.0]))
    with pytest.raises(DataError, match="labels must be from 0 to 1, got 0 to 2"):
        meaning(of(), "class_logits").check_targets((2,), np.array([0, 1, 2]))


def test_each_position_counts_on_its_own():
    y = np.eye(3)[[[0, 1], [2, 2]]]
    t = np.array([[0, 1], [2, 0]])
    metric = ConfusionMatrix()
    metric.meaning = "class_logits"
    metric.reset()

    metric.update(y, t, np.array([1, 3]))

    assert metric.details() == {"matrix": [[1, 0, 3], [0, 1, 0], [0, 0, 3]]}
    assert metric.value() == 5 / 8
