import math

import numpy as np
import pytest

from layerkit import DataError, ShapeError, Targets
from layerkit.builtin.losses import SigmoidWithLoss, SoftmaxWithLoss
from layerkit.builtin.metrics import LogLoss

RNG = np.random.default_rng(0)


def judged(y, t, meaning="probabilities", **options):
    metric = LogLoss(**options)
    metric.meaning = meaning
    metric.reset()
    metric.update(np.asarray(y), np.asarray(t))
    return metric.value()


def test_it_is_the_negative_logarithm_of_the_right_probability():
    p = [[0.25, 0.75], [0.5, 0.5]]

    assert judged(p, [0, 1]) == pytest.approx((math.log(4) + math.log(2)) / 2)
    assert judged([0.25, 0.5], [1, 0]) == pytest.approx((math.log(4) + math.log(2)) / 2)


def test_of_logits_it_is_the_loss():
    y = RNG.normal(scale=30, size=(20, 4))
    labels, yes = RNG.integers(0, 4, 20), RNG.integers(0, 2, (20, 4))
    soft = RNG.dirichlet(np.ones(4), 20)

    assert judged(y, labels, "class_logits") == pytest.approx(SoftmaxWithLoss().forward(y, labels))
    assert judged(y, soft, "class_logits") == pytest.approx(SoftmaxWithLoss().forward(y, soft))
    assert judged(y, yes, "logits") == pytest.approx(SigmoidWithLoss().forward(y, yes))


def test_several_probabilities_of_yes_are_averaged():
    p, t = RNG.random((5, 3)), RNG.integers(0, 2, (5, 3))

    expected = -np.where(t == 1, np.log(p), np.log(1 - p)).mean()

    assert judged(p, t, multilabel=True) == pytest.approx(expected)


def test_numbers_are_refused_with_what_to_do():
    metric = LogLoss()
    metric.meaning = "numbers"

    with pytest.raises(ShapeError) as refusal:
        metric.check((3,), Targets(classes=3))

    assert str(refusal.value) == (
        "takes probabilities or logits, but neither the last layer nor the loss says that the "
        'outputs are; end the network with "sigmoid" or "softmax", or use a loss that takes logits'
    )


@pytest.mark.parametrize(
    ("y", "t", "message"),
    [
        ([[1.2, -0.2]], [0], "outputs must be probabilities, from 0 to 1, got -0.2 to 1.2"),
        ([2.0], [0], "outputs must be probabilities, from 0 to 1, got 2 to 2"),
        ([[0.9, 0.9]], [0], "must add up to 1 as probabilities of classes, got 1.8; end the"),
    ],
)
def test_outputs_that_are_no_probabilities_are_refused(y, t, message):
    with pytest.raises(DataError, match=message):
        judged(y, t)


def test_soft_targets_have_to_add_up_to_1():
    with pytest.raises(DataError, match=r"must add up to 1, got 0\.5"):
        judged([[0.5, 0.5]], [[0.5, 0.0]], multilabel=False)
    with pytest.raises(DataError, match=r"must add up to 1, got 0\.5"):
        LogLoss(multilabel=False).check_targets((2,), np.array([[0.5, 0.0]]))


@pytest.mark.parametrize("meaning", ["class_logits", "probabilities"])
def test_of_a_diverged_network_there_is_no_number_and_no_warning(meaning):
    assert math.isnan(judged([[np.nan, 0.5], [0.5, 0.5]], [0, 1], meaning))
    assert math.isnan(judged([[np.inf, np.inf]], [0], "class_logits"))
