"""What outputs mean: who gives probabilities, who takes logits, and what metrics make of it."""

import json

import numpy as np
import pytest

from layerkit import (
    Data,
    Layer,
    Loss,
    Network,
    Node,
    ShapeError,
    SpecError,
    Split,
    Targets,
    Trainer,
    load_registry,
)
from layerkit.builder import build_experiment
from layerkit.builtin.layers import (
    Add,
    Affine,
    Dropout,
    Flatten,
    Relu,
    Reshape,
    Sigmoid,
    Softmax,
    Tanh,
)
from layerkit.builtin.losses import Huber, MeanSquaredError, SigmoidWithLoss, SoftmaxWithLoss
from layerkit.builtin.metrics import R2, Accuracy, BinaryAccuracy, MeanAbsoluteError
from layerkit.builtin.optimizers import SGD
from layerkit.spec import TrainingSettings, parse_spec
from layerkit.training import evaluate


class CrossEntropy(Loss):
    """A loss of probabilities."""

    meaning = "probabilities"

    def check(self, shape, targets):
        pass

    def each(self, y, t):
        return -np.log(np.where(t, y, 1 - y))

    def backward_each(self, dout):
        return dout


class LogOdds(Layer):
    """``log(x / (1 - x))``, which says that it gives logits."""

    meaning = "logits"

    def forward(self, x):
        return np.log(x / (1 - x))

    def backward(self, dout):
        return dout


PROBABILITIES = (Sigmoid, Softmax)
OF_LOGITS = (SigmoidWithLoss, SoftmaxWithLoss)


@pytest.mark.parametrize("loss", OF_LOGITS)
@pytest.mark.parametrize("last", PROBABILITIES)
def test_probabilities_before_a_loss_of_logits_are_refused(last, loss):
    with pytest.raises(ShapeError) as refusal:
        Network([Affine(3), last()], (4,), loss=loss())

    assert str(refusal.value) == (
        f"layers[1] ({last.__name__}) gives probabilities, but the loss takes logits, which it "
        "turns into probabilities itself; leave this layer out"
    )


@pytest.mark.parametrize(
    "behind", [Flatten(), Reshape((3,)), Dropout()], ids=lambda layer: type(layer).__name__
)
def test_layers_that_only_move_numbers_do_not_hide_them(behind):
    with pytest.raises(ShapeError, match=r"^layers\[1\] \(Sigmoid\) gives probabilities"):
        Network([Affine(3), Sigmoid(), behind], (4,), loss=SigmoidWithLoss())


@pytest.mark.parametrize("loss", [*OF_LOGITS, MeanSquaredError, Huber])
@pytest.mark.parametrize("last", [Affine(3), Tanh(), Relu()], ids=str)
def test_numbers_are_what_the_loss_takes_them_for(last, loss):
    assert Network([Affine(3), last], (4,), loss=loss()).meaning == loss.meaning


@pytest.mark.parametrize("last", PROBABILITIES)
def test_a_loss_of_numbers_takes_probabilities_as_they_are(last):
    assert Network([Affine(3), last()], (4,), loss=MeanSquaredError()).meaning == "probabilities"
    assert Network([Affine(3), last()], (4,)).meaning == "probabilities"


def test_hidden_layers_may_give_what_they_like():
    layers = [Affine(3), Sigmoid(), Affine(2)]

    assert Network(layers, (4,), loss=SoftmaxWithLoss()).meaning == "class_logits"


def test_a_loss_of_probabilities_refuses_logits_and_takes_the_rest():
    assert Network([Affine(1)], (4,), loss=CrossEntropy()).meaning == "probabilities"
    assert Network([Affine(1), Sigmoid()], (4,), loss=CrossEntropy()).meaning == "probabilities"
    with pytest.raises(ShapeError) as refusal:
        Network([LogOdds()], (4,), loss=CrossEntropy())
    assert str(refusal.value) == (
        "layers[0] (LogOdds) gives logits, but the loss takes probabilities; "
        'put "sigmoid" or "softmax" after it'
    )
    assert Network([LogOdds()], (4,), loss=SigmoidWithLoss()).meaning == "logits"


def test_of_several_inputs_a_layer_that_moves_them_gives_what_they_have_in_common():
    class Beside(Add):
        meaning = "same"

    def joined(left, right):
        nodes = [
            Node(left, (0,), "left", "left"),
            Node(right, (0,), "right", "right"),
            Node(Beside(), (1, 2), "both", "beside"),
        ]
        return Network(nodes, (4,)).meaning

    assert joined(Sigmoid(), Softmax()) == "probabilities"
    assert joined(Sigmoid(), Tanh()) == "numbers"


class Wrapping(Loss):
    """A loss made of others, which says nothing of its own."""

    def __init__(self, *inner):
        self.inner = list(inner)

    def check(self, shape, targets):
        pass

    def each(self, y, t):
        return sum(loss.each(y, t) for loss in self.inner)

    def backward_each(self, dout):
        return sum(loss.backward_each(dout) for loss in self.inner)


class Declared(Wrapping):
    """One that says what it takes, and turns it into what the others take."""

    meaning = "numbers"


def test_a_loss_made_of_others_takes_what_they_take():
    for wrapping in (
        Wrapping(SigmoidWithLoss()),
        Wrapping(MeanSquaredError(), Wrapping(SigmoidWithLoss())),
    ):
        with pytest.raises(ShapeError, match=r"^layers\[1\] \(Sigmoid\) gives probabilities"):
            Network([Affine(1), Sigmoid()], (4,), loss=wrapping)
    assert Network([Affine(2)], (4,), loss=Wrapping(SoftmaxWithLoss())).meaning == "class_logits"
    assert Network([Affine(2)], (4,), loss=Wrapping(Huber())).meaning == "numbers"


def test_what_it_says_itself_counts_first():
    for loss in (Declared(SigmoidWithLoss()), Wrapping(Declared(SigmoidWithLoss()))):
        assert Network([Affine(1), Sigmoid()], (4,), loss=loss).meaning == "probabilities"


def test_losses_that_do_not_agree_say_nothing():
    loss = Wrapping(SigmoidWithLoss(), CrossEntropy())

    assert Network([Affine(1), Sigmoid()], (4,), loss=loss).meaning == "probabilities"


# in a spec


def spec(layers, loss, **more):
    value = {
        "version": 1,
        "data": {"type": "spiral", "classes": 2, "per_class": 20},
        "layers": layers,
        "loss": loss,
        "optimizer": {"type": "sgd", "learning_rate": 0.1},
        "training": {"epochs": 1, "batch_size": 10},
        **more,
    }
    return build_experiment(parse_spec(json.dumps(value), load_registry()))


@pytest.mark.parametrize(
    ("last", "units", "loss"),
    [("sigmoid", 1, "sigmoid_with_loss"), ("softmax", 2, "softmax_with_loss")],
)
def test_a_spec_is_refused_at_that_layer(last, units, loss):
    with pytest.raises(SpecError) as refusal:
        spec([{"type": "affine", "units": units}, last], loss)

    (problem,) = refusal.value.problems
    assert problem.path == ("layers", 1)
    assert problem.message == (
        f"{last} gives probabilities, but the loss takes logits, which it turns into probabilities "
        "itself; leave this layer out"
    )


@pytest.mark.parametrize(
    ("loss", "units", "metric", "message"),
    [
        (
            "sigmoid_with_loss",
            1,
            "mean_absolute_error",
            'takes numbers as targets, got labels of 2 classes; use "accuracy"',
        ),
        (
            "softmax_with_loss",
            2,
            "binary_accuracy",
            "takes one output for one target, got (2,)",
        ),
    ],
)
def test_shapes_are_refused_first(loss, units, metric, message):
    with pytest.raises(SpecError, match="metrics") as refusal:
        spec([{"type": "affine", "units": units}], loss, metrics=[metric])

    assert message in str(refusal.value)


# metrics

Y = np.array([[0.3], [0.7], [0.9], [0.2]])
T = np.array([0, 1, 1, 0])


class Shown(Layer):
    """Gives what it is given, and says what that means."""

    gives_views = True

    def __init__(self, meaning):
        self.meaning = meaning

    def forward(self, x):
        return x

    def backward(self, dout):
        return dout


@pytest.mark.parametrize(
    ("given", "loss", "y", "share"),
    [
        ("probabilities", MeanSquaredError(), Y, 1),
        ("numbers", MeanSquaredError(), Y, 1),
        ("probabilities", CrossEntropy(), Y, 1),
        ("numbers", SigmoidWithLoss(), Y, 0.5),  # logits above 0, all of them
        ("numbers", SigmoidWithLoss(), Y - 0.5, 1),
        ("logits", SigmoidWithLoss(), Y - 0.5, 1),
    ],
)
def test_binary_accuracy_cuts_where_yes_begins(given, loss, y, share):
    network = Network([Shown(given)], (1,), loss=loss, dtype="float64").initialize()

    scores = evaluate(network, Split(y, T), {"binary_accuracy": BinaryAccuracy()})

    assert scores["binary_accuracy"] == share


def test_binary_accuracy_can_be_told():
    def share(y, **options):
        metric = BinaryAccuracy(**options)
        metric.reset()
        metric.update(y, T)
        return metric.value()

    assert share(Y) == 0.5
    assert share(Y, outputs="logits") == 0.5
    assert share(Y, outputs="probabilities") == share(Y, outputs="numbers") == 1


def test_a_network_that_ends_with_sigmoid_is_not_judged_by_the_share_of_ones():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    t = (x.sum(axis=1) > 1).astype(float)
    network = Network([Affine(1), Sigmoid()], (3,), loss=MeanSquaredError()).initialize()
    trainer = Trainer(
        network,
        Data(Split(x, t), Split(x, t), validation=Split(x, t)),
        SGD(5.0),
        TrainingSettings(epochs=20, batch_size=20),
        {"binary_accuracy": BinaryAccuracy()},
        "validation_binary_accuracy",
        higher_is_better=True,
    )

    *_, last = trainer.run()

    right = ((network.predict(x)[:, 0] > 0.5) == t).mean()
    assert last.scores["test_binary_accuracy"] == pytest.approx(right)
    assert right > 0.95 > t.mean()
    assert trainer.best.evaluation.step > 10


def test_binary_accuracy_has_no_use_for_one_choice_among_classes():
    data = Data(*[Split(np.eye(3), np.eye(3))] * 2)
    network = Network([Affine(3)], (3,), loss=SoftmaxWithLoss()).initialize()
    settings = TrainingSettings(epochs=1, batch_size=3)

    with pytest.raises(ShapeError) as refusal:
        Trainer(network, data, SGD(0.1), settings, {"right": BinaryAccuracy()})

    assert str(refusal.value) == (
        "BinaryAccuracy on the training part: takes outputs that each say yes or no, but to the "
        'loss they are one choice among classes; use "accuracy"'
    )
    metric = BinaryAccuracy()
    metric.meaning = "class_logits"
    with pytest.raises(ShapeError, match="one choice among classes"):
        metric.check((3,), Targets((3,)))


@pytest.mark.parametrize("metric", [MeanAbsoluteError(), R2()], ids=str)
@pytest.mark.parametrize(
    ("meaning", "instead"), [("logits", "binary_accuracy"), ("class_logits", "accuracy")]
)
def test_logits_are_not_compared_with_targets(metric, meaning, instead):
    metric.meaning = meaning

    for refused in (
        lambda: metric.check((3,), Targets((3,))),
        lambda: metric.check_targets((3,), np.eye(3)),
    ):
        with pytest.raises(ShapeError) as refusal:
            refused()
        assert str(refusal.value) == (
            "compares outputs with targets, but to the loss the outputs are logits; "
            f'use "{instead}"'
        )
    metric.meaning = "probabilities"
    metric.check((3,), Targets((3,)))


def test_accuracy_takes_outputs_whatever_they_mean():
    for meaning in ("numbers", "logits", "class_logits", "probabilities"):
        metric = Accuracy()
        metric.meaning = meaning
        metric.check((3,), Targets(classes=3))
        metric.check_targets((3,), np.arange(3))
