import math

import numpy as np
import pytest

from layerkit.builtin.metrics import F1, ConfusionMatrix, Precision, Recall

# Right and answered: class 0 twice and once both, class 1 answered alone, class 2 right alone;
# nobody speaks of class 3.
T = np.array([0, 0, 2, 0])
Y = np.eye(4)[[0, 1, 1, 0]]


def judged(metric, y, t, weights=None, meaning="class_logits"):
    metric.meaning = meaning
    metric.reset()
    metric.update(y, t, weights)
    return metric.value()


@pytest.mark.parametrize(
    ("of", "each", "macro", "weighted"),
    [
        (Precision, [1, 0, None, None], 1 / 3, 3 / 4),
        (Recall, [2 / 3, None, 0, None], 2 / 9, 2 / 4),
        (F1, [0.8, 0, 0, None], 0.8 / 3, 0.8 * 3 / 4),
    ],
)
def test_what_is_not_defined_counts_0_and_classes_that_do_not_occur_nothing(
    of, each, macro, weighted
):
    metric = of()

    assert judged(metric, Y, T) == pytest.approx(macro)
    assert metric.details() == {"classes": pytest.approx(each), "support": [3, 0, 1, 0]}
    assert judged(of("weighted"), Y, T) == pytest.approx(weighted)
    assert judged(of("micro"), Y, T) == 0.5
    assert judged(of(label=0), Y, T) == pytest.approx(each[0])
    assert judged(of(label=3), Y, T) == 0


@pytest.mark.parametrize("of", [Precision, Recall, F1])
def test_of_one_class_only_or_one_example_there_is_a_number(of):
    assert judged(of(), Y[[0, 3]], T[[0, 3]]) == 1
    assert judged(of(), Y[:1], T[:1]) == 1
    assert judged(of(), np.array([2.0, -1.0]), np.array([0, 0]), meaning="logits") == 0
    assert judged(of(), np.array([-2.0]), np.array([0]), meaning="logits") == 0
    assert judged(of("weighted"), np.array([-2.0]), np.array([0]), meaning="logits") == 0


@pytest.mark.parametrize("metric", [Precision(), Recall(), F1(), ConfusionMatrix()], ids=str)
def test_of_nothing_there_is_no_number(metric):
    metric.reset()

    assert math.isnan(metric.value())
    assert metric.details() == {}
    assert math.isnan(judged(metric, Y, T, np.zeros(4)))
    assert metric.details() == {}


@pytest.mark.parametrize("meaning", ["numbers", "probabilities", "logits"])
def test_a_yes_begins_above_one_half_or_for_logits_above_0(meaning):
    y = np.array([0.5, 0.6, 0.4, 0.1]) - (0.5 if meaning == "logits" else 0)
    metric = Precision()

    assert judged(metric, y, np.array([1, 1, 0, 1]), meaning=meaning) == 1
    assert metric.details() == {"outputs": [1], "support": [3]}


def test_the_share_on_the_diagonal_is_the_value_of_the_table():
    metric = ConfusionMatrix()

    assert judged(metric, Y, T) == 0.5
    assert metric.details() == {"matrix": [[2, 1, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]}
    assert judged(metric, Y, T, np.array([1, 1, 0.5, 1])) == pytest.approx(2 / 3.5)
    assert metric.details()["matrix"][2] == [0, 0.5, 0, 0]
