"""Targets that only happen to have the right size, or are no numbers a loss is defined for."""

import re

import numpy as np
import pytest

from layerkit import (
    Data,
    DataError,
    Loss,
    Network,
    ShapeError,
    Split,
    Trainer,
    UserError,
    as_labels,
    as_outputs,
    check_distributions,
    check_finite,
    check_probabilities,
)
from layerkit.builtin.layers import Affine, LayerNorm, Reshape
from layerkit.builtin.losses import Huber, MeanSquaredError, SigmoidWithLoss, SoftmaxWithLoss
from layerkit.builtin.metrics import R2, Accuracy, BinaryAccuracy, MeanAbsoluteError
from layerkit.builtin.optimizers import SGD
from layerkit.spec import TrainingSettings

RNG = np.random.default_rng(0)
IMAGES = RNG.random((5, 3, 4, 4))
"""Channels first."""

SEQUENCES = RNG.normal(size=(4, 6, 3))
LABELS = RNG.integers(0, 3, (4, 6))


def message_of(call, *arguments):
    with pytest.raises(UserError) as refusal:
        call(*arguments)
    return str(refusal.value)


def judged(metric, y, t):
    metric.reset()
    metric.update(y, t)
    return metric.value()


ELEMENTWISE = [MeanSquaredError(), Huber(), SigmoidWithLoss()]
NUMERIC = [MeanAbsoluteError(), R2(), BinaryAccuracy()]


class TestShapes:
    @pytest.mark.parametrize("loss", ELEMENTWISE, ids=str)
    def test_channels_last_do_not_fit_channels_first(self, loss):
        said = message_of(loss.forward, IMAGES, np.moveaxis(IMAGES, 1, -1))

        assert said == (
            "targets must have the shape of the outputs, (5, 3, 4, 4), got (5, 4, 4, 3); "
            "bring their axes into that order"
        )

    @pytest.mark.parametrize("metric", NUMERIC, ids=str)
    def test_metrics_refuse_them_as_losses_do(self, metric):
        said = message_of(judged, metric, IMAGES, np.moveaxis(IMAGES, 1, -1))

        assert "must have the shape of the outputs, (5, 3, 4, 4), got (5, 4, 4, 3)" in said

    def test_labels_by_time_do_not_fit_outputs_by_example(self):
        loss = SoftmaxWithLoss()

        assert loss.forward(SEQUENCES, LABELS) > 0
        assert message_of(loss.forward, SEQUENCES, LABELS.T) == (
            "targets must be labels of shape (4, 6), or probabilities of the shape of the outputs, "
            "(4, 6, 3), got (6, 4); bring their axes into that order"
        )
        assert "got (6, 4)" in message_of(judged, Accuracy(), SEQUENCES, LABELS.T)

    def test_labels_in_a_column_are_no_one_hot_rows(self):
        y, t = np.eye(3)[[1, 2, 1, 0]], np.array([1, 2, 1, 0])

        assert judged(Accuracy(), y, t) == 1
        for call in (lambda: judged(Accuracy(), y, t[:, None]), lambda: loss_of(y, t[:, None])):
            assert message_of(call).endswith("got (4, 1); drop the last axis of 1: t[..., 0]")

    def test_a_batch_of_fewer_targets_is_refused(self):
        squared, softmax = MeanSquaredError(), SoftmaxWithLoss()

        assert "(4, 1), got (3,)" in message_of(squared.forward, np.zeros((4, 1)), np.zeros(3))
        assert "(4,), or" in message_of(softmax.forward, np.zeros((4, 2)), np.zeros(3, int))

    def test_one_output_and_a_single_number_fit_both_ways(self):
        y, t = np.array([[1.0], [2.0]]), np.array([1.0, 4.0])

        assert MeanSquaredError().forward(y, t) == MeanSquaredError().forward(y[:, 0], t[:, None])
        assert as_outputs(t, (2, 1)).tolist() == [[1], [4]]
        assert as_outputs(t[:, None], (2,)).tolist() == [1, 4]

    def test_a_row_is_no_column(self):
        assert "got (1, 4)" in message_of(as_outputs, np.zeros((1, 4)), (4, 1))


def loss_of(y, t):
    return SoftmaxWithLoss().forward(y, t)


class TestLabels:
    Y = np.zeros((3, 4))

    @pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
    def test_integers_are_labels(self, dtype):
        assert loss_of(self.Y, np.array([0, 3, 1], dtype)) == pytest.approx(np.log(4))

    def test_booleans_are_labels_of_two_classes(self):
        assert loss_of(self.Y[:, :2], np.array([True, False, True])) == pytest.approx(np.log(2))

    def test_floats_are_not_cut_off(self):
        said = message_of(loss_of, self.Y, np.array([0, 0.9999999, 1]))

        assert said == (
            "labels are integers, got 0.9999999 at [1]; if they differ only by rounding, use "
            "np.rint(t).astype(int)"
        )

    def test_whole_floats_say_what_to_do(self):
        t = np.array([0.0, 3.0, 1.0])
        wanted = "labels are integers, got float64; use t.astype(int)"

        assert message_of(loss_of, self.Y, t) == wanted
        assert message_of(judged, Accuracy(), self.Y, t) == wanted

    def test_text_is_no_label(self):
        text = np.array(list("abc"))

        assert message_of(as_labels, text, (3, 4)) == "labels are integers, got <U1"
        assert message_of(loss_of, self.Y, text) == (
            "SoftmaxWithLoss: targets must be an array of integers or floats, got <U1"
        )

    @pytest.mark.parametrize(("t", "got"), [([-1, 1, 2], "-1 to 2"), ([0, 4, 2], "0 to 4")])
    def test_there_is_no_such_class(self, t, got):
        wanted = f"labels must be from 0 to 3, got {got}"

        assert message_of(loss_of, self.Y, np.array(t)) == wanted
        assert message_of(judged, Accuracy(), self.Y, np.array(t)) == wanted

    def test_no_label_at_all_is_fine(self):
        assert as_labels(np.zeros(0, int), (0, 4)).shape == (0,)


class TestProbabilities:
    YES = np.array([True, False, True, True])

    @pytest.mark.parametrize(
        ("t", "got", "advice"),
        [
            (2 * YES - 1.0, "-1 to 1", "(t + 1) / 2 maps them there"),
            (1 + YES, "1 to 2", "t - 1 maps them there"),
            (255 * YES.astype(np.uint8), "0 to 255", "t / 255 maps them there"),
            (YES - 0.5, "-0.5 to 0.5", "t + 0.5 maps them there"),
            (YES * 4.0 + 1, "1 to 5", "(t - 1) / 4 maps them there"),
            (
                np.array([0, 7, 30, 255], np.uint8),
                "0 to 255",
                "t / 255 maps them there",
            ),
            (
                np.array([0.1, -2.5, 3, 0]),
                "-2.5 to 3",
                'for other numbers there is "mean_squared_error"',
            ),
        ],
    )
    def test_cross_entropy_takes_none_outside_0_to_1(self, t, got, advice):
        wanted = f"targets must be probabilities, from 0 to 1, got {got}; {advice}"

        assert message_of(SigmoidWithLoss().forward, np.zeros((4, 1)), t) == wanted
        assert message_of(judged, BinaryAccuracy(), np.zeros((4, 1)), t) == wanted

    @pytest.mark.parametrize("scale", [lambda t: 255 * t, lambda t: t - 0.5, lambda t: t * 1.5])
    def test_one_hot_rows_of_other_numbers_are_refused(self, scale):
        said = message_of(loss_of, np.zeros((4, 2)), scale(np.eye(2)[[0, 1, 1, 0]]))

        assert said.startswith("targets must be probabilities, from 0 to 1, got ")

    def test_probabilities_of_an_example_add_up_to_1(self):
        t = np.array([[0.25, 0.75], [0.5, 0.75]])

        assert message_of(loss_of, np.zeros((2, 2)), t) == (
            "the probabilities of an example must add up to 1, got 1.25 at [1]; divide each by the "
            "sum, or use a loss of numbers"
        )
        assert "got 0 at [0]" in message_of(loss_of, np.zeros((1, 2)), np.zeros((1, 2)))

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_rounding_is_no_mistake(self, dtype):
        t = np.random.default_rng(1).dirichlet(np.ones(1000), 5)

        loss_of(np.zeros((5, 1000), np.float32), t.astype(dtype))
        loss_of(np.zeros((1, 3)), np.array([[0.333, 0.333, 0.333]]))
        check_probabilities(np.array([1 + 1e-7, -1e-9]))

    def test_booleans_are_no_and_yes(self):
        assert SigmoidWithLoss().forward(np.zeros((4, 1)), self.YES) == pytest.approx(np.log(2))
        assert loss_of(np.zeros((2, 2)), np.eye(2, dtype=bool)) == pytest.approx(np.log(2))

    def test_a_batch_of_none_is_fine(self):
        check_distributions(np.zeros((0, 3)))
        check_probabilities(np.zeros(0))


class TestFinite:
    @pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("loss", ELEMENTWISE, ids=str)
    def test_a_loss_names_the_target_rather_than_become_nan(self, loss, number):
        t = np.full((4, 2), 0.5)
        t[2, 1] = number

        said = message_of(loss.forward, np.zeros((4, 2)), t)

        assert said == f"targets must be finite, got {number} at [2, 1]"

    def test_so_does_the_softmax(self):
        t = np.array([[0.5, 0.5], [np.nan, 1]])

        said = message_of(loss_of, np.zeros((2, 2)), t)

        assert said == "targets must be finite, got nan at [1, 0]"

    def test_outputs_that_are_not_finite_are_another_matter(self):
        assert MeanSquaredError().forward(np.array([np.inf]), np.array([1.0])) == np.inf

    def test_numbers_next_to_the_largest_are_finite(self):
        check_finite(np.array([-1.7e308, 1.7e308]))

    def test_text_is_no_number(self):
        assert message_of(check_finite, np.array(["1"])) == "targets must be numbers, got <U1"


def network(*layers, loss, shape=(4,)):
    return Network(layers, shape, loss=loss, dtype="float64").initialize(0)


class TestNetworks:
    def test_everything_that_takes_targets_refuses_those_of_another_layout(self):
        net = network(Reshape((3, 4, 4)), LayerNorm(), loss=MeanSquaredError(), shape=(48,))
        x, t = IMAGES.reshape(5, 48), np.moveaxis(IMAGES, 1, -1)

        for call in (net.loss, net.gradient, net.train_step, net.numerical_gradient):
            assert "got (5, 4, 4, 3)" in message_of(call, x, t)

    def test_accuracy_takes_no_floats_for_labels(self):
        net = network(Affine(3), loss=SoftmaxWithLoss())

        assert "use t.astype(int)" in message_of(net.accuracy, np.zeros((2, 4)), np.array([0.0, 1]))
        assert "from 0 to 2" in message_of(net.accuracy, np.zeros((2, 4)), np.array([0, 3]))


X = RNG.normal(size=(20, 4))


def trained(loss, units, train, test=None, metrics=()):
    """Return what a trainer says of targets, before it trains."""
    test = train if test is None else test
    data = Data(Split(X[: len(train)], train), Split(X[: len(test)], test))
    net = Network([Affine(units)], (4,), loss=loss).initialize()
    settings = TrainingSettings(epochs=1, batch_size=16)
    return Trainer(net, data, SGD(0.1), settings, {type(m).__name__: m for m in metrics})


class TestTrainers:
    def test_nan_among_the_targets_is_told_before_training(self):
        t = X[:, :2].copy()
        t[7, 0] = np.nan

        assert message_of(trained, MeanSquaredError(), 2, t) == (
            "the training part: targets must be finite, got nan at [7, 0]"
        )
        assert message_of(trained, MeanSquaredError(), 2, X[:, :2], t).startswith("the test part: ")

    @pytest.mark.parametrize(
        ("loss", "units", "t", "error"),
        [
            (SoftmaxWithLoss(), 2, np.arange(20) % 2 * 0.9999999, DataError),
            (SoftmaxWithLoss(), 2, np.arange(20) % 3, DataError),
            (SoftmaxWithLoss(), 2, 255 * np.eye(2)[np.arange(20) % 2], DataError),
            (SoftmaxWithLoss(), 2, (np.arange(20) % 2)[:, None], ShapeError),
            (SigmoidWithLoss(), 1, np.arange(20) % 2 * 2 - 1, DataError),
            (MeanSquaredError(), 2, RNG.normal(size=(20, 2, 1, 1)), ShapeError),
        ],
    )
    def test_the_loss_judges_the_targets(self, loss, units, t, error):
        with pytest.raises(error, match=r"the training part: "):
            trained(loss, units, t)

    def test_so_do_the_metrics(self):
        said = message_of(trained, MeanSquaredError(), 1, X[:, 0], None, [BinaryAccuracy()])

        assert said.startswith("the training part: targets must be probabilities, from 0 to 1, got")

    def test_what_fits_is_trained_on(self):
        trainer = trained(SigmoidWithLoss(), 1, X[:, 0] > 0, None, [BinaryAccuracy()])

        assert list(trainer.run())

    def test_targets_that_become_nan_are_named_and_not_the_learning_rate(self):
        class Careless(MeanSquaredError):
            def each(self, y, t):
                return np.square(y - t)

        t = X[:, :2].copy()
        trainer = trained(Careless(), 2, t)
        t[:] = np.nan

        with pytest.raises(DataError, match=r"^targets must be finite, got nan at \[0, 0\]$"):
            list(trainer.run())


def test_a_loss_of_ones_own_takes_any_finite_number():
    class Product(Loss):
        def check(self, shape, targets):
            pass

        def each(self, y, t):
            return y * t

        def backward_each(self, dout):
            return dout

    Product().check_targets((2,), np.array([[5.0, -3.0]]))
    with pytest.raises(DataError, match=re.escape("got inf at [0, 1]")):
        Product().check_targets((2,), np.array([[5.0, np.inf]]))
