"""After an exception or a replaced part, training gives the right numbers or refuses."""

import copy
import json

import numpy as np
import pytest

from layerkit import (
    Data,
    LayerkitError,
    MeanMetric,
    Network,
    Split,
    Step,
    Trainer,
    UserError,
    load_model,
    load_registry,
)
from layerkit.builder import build_experiment
from layerkit.builtin.layers import Affine, Relu
from layerkit.builtin.losses import SoftmaxWithLoss
from layerkit.builtin.optimizers import SGD, Adam
from layerkit.run import load_data, run_training
from layerkit.spec import TrainingSettings, parse_spec

X = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
T = (X.sum(axis=1) > 0).astype(int)
SPLIT = Split(X, T)


class BrokenOff(Exception):
    """What comes from outside, as Ctrl-C does, or from a component."""


class Half(SGD):
    """Is broken off in one update, with half of the parameters changed."""

    at = 3

    def update(self, params, grads, step):
        if step == self.at:
            half = len(params) // 2
            params[:half] -= grads[:half]
            raise BrokenOff
        super().update(params, grads, step)


class Asked(MeanMetric):
    """The share of right answers, but the first times it is broken off."""

    def __init__(self, times=1):
        self.times = times

    def each(self, y, t):
        if self.times:
            self.times -= 1
            raise BrokenOff
        return y.argmax(axis=1) == t


def trainer(optimizer=None, metrics=None, data=None, **settings):
    network = Network([Affine(8), Relu(), Affine(2)], (6,), loss=SoftmaxWithLoss()).initialize(1)
    network.compilers = ()
    settings = {"steps": 6, "batch_size": 8, "evaluate_every": 2, **settings}
    return Trainer(
        network,
        data or Data(SPLIT, SPLIT),
        optimizer or Adam(0.01),
        TrainingSettings(**settings),
        metrics or {},
    )


@pytest.mark.parametrize(
    "train",
    [lambda t: t.train_step(), lambda t: t.train_until(6), lambda t: list(t.run())],
    ids=["train_step", "train_until", "run"],
)
@pytest.mark.parametrize("copied", [lambda t: t, copy.deepcopy], ids=["itself", "a copy"])
def test_an_update_that_was_broken_off_is_not_trained_on_from(train, copied):
    made = trainer(Half(0.1))
    with pytest.raises(BrokenOff):
        made.train_until(6)

    made = copied(made)

    with pytest.raises(UserError) as caught:
        train(made)
    assert str(caught.value) == (
        "update 4 was interrupted half-way, so the parameters are neither those before it nor "
        "those after it; restore complete ones, and make a new Trainer(...)"
    )
    assert (made.step, made.is_half_done) == (3, True)


def test_of_an_update_that_was_broken_off_the_best_parameters_before_are_named():
    made = trainer(Half(0.1), data=Data(SPLIT, SPLIT, validation=SPLIT))
    with pytest.raises(BrokenOff):
        list(made.run())

    with pytest.raises(UserError, match=r"restore complete ones, such as trainer\.best, and make"):
        made.train_step()
    assert made.best.evaluation.step == 2


def broken_run(folder, **data):
    """Run a spec whose sixth update is interrupted, and return the record of the run."""
    spec = {
        "version": 1,
        "data": {"type": "spiral", "per_class": 20, **data},
        "layers": [{"type": "affine", "units": 3}],
        "loss": "softmax_with_loss",
        "optimizer": "sgd",
        "training": {"steps": 9, "batch_size": 12, "evaluate_every": 2},
    }
    made = build_experiment(parse_spec(json.dumps(spec), load_registry()))
    made.network.compilers = [lambda *parts: Broken(*parts)]

    with pytest.raises(KeyboardInterrupt):
        run_training(made, load_data(made), folder)

    return json.loads((folder / "run.json").read_text())


def test_without_a_validation_part_it_keeps_the_parameters_of_its_last_evaluation(tmp_path):
    record = broken_run(tmp_path / "out")

    reason = "SIGINT, in the middle of an update: last.npz is of the last evaluation"
    assert (record["reason"], record["last"]["step"]) == (reason, 4)
    assert (load_model(tmp_path / "out").params != 7).all()


def test_a_run_that_is_broken_off_in_an_update_writes_no_last_parameters(tmp_path):
    record = broken_run(tmp_path / "out", validation_fraction=0.2)

    assert (record["status"], record["steps"], record["last"]["step"]) == ("interrupted", 5, 4)
    assert record["reason"] == "SIGINT, in the middle of an update: there is no last.npz"
    assert (tmp_path / "out" / "best.npz").exists()
    assert not (tmp_path / "out" / "last.npz").exists()


class Broken(Step):
    """A step whose sixth update is interrupted."""

    def update(self, step):
        if step == 5:
            self.network.params[0] = 7
            raise KeyboardInterrupt("SIGINT")
        super().update(step)


def test_a_pass_that_fails_leaves_whole_parameters_to_train_on_from():
    made = trainer()
    made.train_until(3)
    before, backward = made.network.params.copy(), made.network.loss_function.backward
    made.network.loss_function.backward = lambda: 1 / 0

    with pytest.raises(ZeroDivisionError):
        made.train_step()

    np.testing.assert_array_equal(made.network.params, before)
    assert (made.step, made.is_half_done) == (3, False)
    made.network.loss_function.backward = backward
    made.train_step()
    assert made.step == 4


@pytest.mark.parametrize("steps", [6, 2])
def test_an_evaluation_that_was_broken_off_is_made_when_the_run_goes_on(steps):
    whole = list(trainer(metrics={"right": Asked(times=0)}, steps=steps).run())
    made = trainer(metrics={"right": Asked()}, steps=steps)

    with pytest.raises(BrokenOff):
        next(made.run())
    assert made.step == 2

    assert list(made.run()) == whole


@pytest.mark.parametrize("part", ["network", "data", "optimizer", "batches"])
def test_a_part_that_steps_are_made_of_is_not_replaced_in_silence(part):
    made, other = trainer(), trainer(SGD(0.1))
    before = getattr(made, part)

    with pytest.raises(LayerkitError, match=f"^the {part} of a Trainer cannot be replaced, "):
        setattr(made, part, getattr(other, part))

    assert getattr(made, part) is before


def test_until_a_step_that_was_made_there_is_nothing_to_do():
    made = trainer()
    made.train_until(4)
    before = made.network.params.copy()

    made.train_until(2)

    assert made.step == 4
    np.testing.assert_array_equal(made.network.params, before)
