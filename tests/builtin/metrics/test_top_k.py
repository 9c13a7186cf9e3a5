import numpy as np
import pytest

from layerkit import ShapeError, Targets
from layerkit.builtin.metrics import TopK


def judged(k, y, t):
    metric = TopK(k)
    metric.reset()
    metric.update(np.asarray(y, float), np.asarray(t))
    return metric.value()


def test_the_target_is_among_the_largest_outputs():
    y = [[3, 2, 1], [3, 2, 1], [1, 2, 3], [1, 2, 3]]

    assert judged(1, y, [0, 1, 1, 0]) == 1 / 4
    assert judged(2, y, [0, 1, 1, 0]) == 3 / 4
    assert judged(2, y, np.eye(3)[[0, 1, 1, 0]]) == 3 / 4


def test_of_equal_outputs_the_later_class_is_ahead():
    assert judged(1, [[1, 1, 0]], [0]) == 0
    assert judged(1, [[1, 1, 0]], [1]) == 1
    assert judged(2, [[0, 0, 0]], [0]) == 0


def test_each_position_counts_on_its_own():
    assert judged(1, [[[0, 1], [1, 0]]], [[1, 1]]) == 0.5


@pytest.mark.parametrize(
    ("k", "meaning", "message"),
    [
        (3, "class_logits", "takes more classes than k, which is 3, got 3: every answer would be"),
        (2, "logits", 'but to the loss each output says yes or no; use "binary_accuracy"'),
    ],
)
def test_what_would_say_nothing_is_refused(k, meaning, message):
    metric = TopK(k)
    metric.meaning = meaning

    with pytest.raises(ShapeError, match=message):
        metric.check((3,), Targets(classes=3))
