"""Where a training begins: at the parameters that the network has."""

import json

import numpy as np
import pytest

from layerkit import (
    Data,
    Network,
    Split,
    Trainer,
    UserError,
    load_model,
    load_registry,
)
from layerkit.builder import build_experiment
from layerkit.builtin.layers import Affine, Dropout, Relu
from layerkit.builtin.losses import SoftmaxWithLoss
from layerkit.builtin.metrics import Accuracy
from layerkit.builtin.optimizers import SGD, Adam
from layerkit.builtin.schedules import Cosine, LinearWarmup
from layerkit.run import load_data, run_training
from layerkit.run.checking import check_gradients
from layerkit.spec import TrainingSettings, parse_spec

X = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
T = (X.sum(axis=1) > 0).astype(int)
DATA = Data(Split(X[:30], T[:30]), Split(X[30:], T[30:]), validation=Split(X[30:], T[30:]))

SPEC = {
    "version": 1,
    "seed": 4,
    "data": "digits",
    "layers": [{"type": "affine", "units": 8}, "dropout", {"type": "affine", "units": 10}],
    "loss": "softmax_with_loss",
    "optimizer": "adam",
    "training": {"steps": 3},
}


def network(seed=1):
    layers = [Affine(8), Relu(), Dropout(), Affine(2)]
    made = Network(layers, (6,), loss=SoftmaxWithLoss()).initialize(seed)
    made.compilers = ()
    return made


def trainer(net, optimizer=None, steps=5, **options):
    settings = TrainingSettings(steps=steps, batch_size=8, evaluate_every=2)
    return Trainer(net, DATA, optimizer or Adam(0.01), settings, {}, **options)


def experiment(**changes):
    return build_experiment(parse_spec(json.dumps(SPEC | changes), load_registry()))


def test_a_trainer_takes_the_network_as_it_is():
    trained = network()
    trained.params[...] = np.arange(trained.parameter_count) / 1000
    before, vector = trained.params.copy(), trained.params

    made = trainer(trained)

    assert made.network.params is vector
    np.testing.assert_array_equal(trained.params, before)


def test_a_network_that_was_read_back_is_trained_on_from_where_it_was(tmp_path):
    first = experiment()
    data = load_data(first)
    result = run_training(first, data, tmp_path / "run")
    trained = load_model(result.folder)
    before = trained.loss(data.test.x / 16, data.test.t)
    read = trained.params.copy()

    settings = TrainingSettings(steps=1)
    Trainer(trained, data, SGD(1e-9), settings, {})

    np.testing.assert_array_equal(trained.params, read)
    assert trained.loss(data.test.x / 16, data.test.t) == before
    np.testing.assert_array_equal(read, first.network.params)


def test_a_number_as_seed_gives_the_first_values_of_a_run_with_that_seed(tmp_path):
    run, alone = experiment(), experiment()
    of_network, of_batches, _ = np.random.SeedSequence(4).spawn(3)
    data = load_data(run)

    alone.network.initialize(4)
    first = alone.network.params.copy()
    made = Trainer(alone.network, data, alone.optimizer, alone.settings, {}, seed=4)

    np.testing.assert_array_equal(first, run.network.initialize(of_network).params)
    assert made.batches.rng.random() == np.random.default_rng(of_batches).random()


def test_layers_and_batches_draw_from_streams_of_their_own():
    net = network(seed=0)
    made = trainer(net, seed=0)

    drawn = [node.layer.rng.random() for node in net.nodes] + [made.batches.rng.random()]

    assert len(set(drawn)) == len(drawn)


def test_an_optimizer_has_one_training():
    optimizer = Adam(0.01)
    first = trainer(network(), optimizer)
    list(first.run())
    state = first.optimizer_state.copy()

    with pytest.raises(UserError) as caught:
        trainer(network(), optimizer)

    assert str(caught.value) == (
        "the optimizer already belongs to another training, whose states would be lost; make a new "
        "one for each Trainer, as in Adam(...), or train on with the first Trainer: raise its "
        "total_steps and call run() again"
    )
    np.testing.assert_array_equal(first.optimizer_state, state)
    assert np.shares_memory(first.optimizer_state, optimizer.squares.value)


def test_training_on_with_more_steps_goes_where_one_long_training_goes():
    whole, halves = trainer(network(), steps=8), trainer(network(), steps=4)

    list(whole.run())
    list(halves.run())
    halves.total_steps += 4
    last = list(halves.run())[-1]

    assert last.step == 8
    assert halves.network.params.tobytes() == whole.network.params.tobytes()


def test_a_run_never_replaces_parameters_that_are_there(tmp_path):
    made = experiment()
    data = load_data(made)
    run_training(made, data, tmp_path / "first")
    trained = made.network.params.copy()

    with pytest.raises(UserError, match="build a new experiment for each run"):
        run_training(made, data, tmp_path / "second")

    np.testing.assert_array_equal(made.network.params, trained)
    assert not (tmp_path / "second").exists()


def test_the_gradient_check_leaves_a_trained_network_as_it_is():
    made = experiment(dtype="float64")
    made.network.initialize(9)
    before = made.network.params.copy()

    check_gradients(made, load_data(made))

    np.testing.assert_array_equal(made.network.params, before)


@pytest.mark.parametrize(
    ("monitor", "higher"), [("validation_accuracy", True), ("validation_loss", False)]
)
def test_which_way_is_better_follows_from_the_metric(monitor, higher):
    settings = TrainingSettings(steps=20, batch_size=8, evaluate_every=1)
    made = Trainer(network(), DATA, Adam(0.05), settings, {"accuracy": Accuracy()}, monitor=monitor)

    scores = [evaluation.scores[monitor] for evaluation in made.run()]

    assert made.best.evaluation.scores[monitor] == (max if higher else min)(scores)
    assert min(scores) < max(scores)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lambda rate: rate, lambda rate: rate),
        (lambda rate: rate, lambda rate: LinearWarmup(2, after=rate)),
        (lambda rate: LinearWarmup(2, after=rate), lambda rate: rate),
    ],
    ids=["the same", "one inside another", "one that was inside another"],
)
def test_a_schedule_has_one_training(first, second):
    cosine = Cosine(0.1)
    made = trainer(network(), SGD(first(cosine)), steps=5)
    before = [made.optimizer.rate(step) for step in range(5)]
    optimizer = SGD(second(cosine))

    with pytest.raises(UserError) as caught:
        trainer(network(), optimizer, steps=1000)

    assert str(caught.value) == (
        "the schedule Cosine already belongs to another training, whose rates would change with "
        "the number of steps; make a new one for each Trainer, as in Cosine(...)"
    )
    assert [made.optimizer.rate(step) for step in range(5)] == before
    assert not optimizer.is_initialized


def test_a_schedule_that_ends_with_the_run_ends_with_the_longer_one():
    made = trainer(network(), SGD(Cosine(0.1)), steps=4)
    list(made.run())
    before = made.network.params.copy()

    made.total_steps = 8
    rates = [evaluation.learning_rate for evaluation in made.run()]

    # Half a cosine of eight steps: of updates 6 and 8.
    assert rates == pytest.approx([0.05 * (1 + np.cos(np.pi * k / 8)) for k in (5, 7)])
    assert (made.network.params != before).any()
