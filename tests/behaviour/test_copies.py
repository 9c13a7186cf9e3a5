"""Copies and pickles of networks, trainers, layers and optimizers keep every view."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from layerkit import (
    Data,
    Layer,
    Network,
    Parameter,
    Split,
    State,
    Trainer,
    UserError,
    load_registry,
)
from layerkit.arrays import CACHE_LINE
from layerkit.builtin.layers import Affine, BatchNorm, Dropout, Relu
from layerkit.builtin.losses import SoftmaxWithLoss
from layerkit.builtin.optimizers import SGD, Adam
from layerkit.builtin.schedules import Cosine
from layerkit.contracts.ownership import variables
from layerkit.errors import NotReadyError
from layerkit.spec import TrainingSettings

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6)).astype(np.float32)
T = (X.sum(axis=1) > 0).astype(int)
DATA = Data(Split(X[:30], T[:30]), Split(X[30:], T[30:]), validation=Split(X[30:], T[30:]))


class Pair(Layer):
    """A layer with layers in it, one of which is made by ``build``, and a parameter of its own."""

    def __init__(self, units: int):
        self.units = units
        self.inside = {"first": Affine(units)}

    def build(self, shape):
        shape = self.inside["first"].build(shape)
        self.inside["second"] = Dropout(0.3)
        self.scale = Parameter(shape, lambda shape, rng: rng.uniform(1, 2, shape))
        return self.inside["second"].build(shape)

    def forward(self, x):
        self._y = self.inside["second"].forward(self.inside["first"].forward(x)).copy()
        return self._y * self.scale.value

    def backward(self, dout):
        self.scale.grad = (dout * self._y).sum(axis=0)
        dout = self.inside["second"].backward(dout * self.scale.value)
        return self.inside["first"].backward(dout)


def network():
    """Return a network of parameters, states, generators and layers inside layers."""
    layers = [Pair(8), BatchNorm(), Relu(), Dropout(0.2), Affine(2)]
    made = Network(layers, (6,), loss=SoftmaxWithLoss()).initialize(3)
    made.train_step(X, T)  # so that states, gradients and generators have moved
    return made


def pickled(original):
    return pickle.loads(pickle.dumps(original))


both = pytest.mark.parametrize("copied", [copy.deepcopy, pickled], ids=["deepcopy", "pickle"])


def assert_whole(made):
    """Check that every variable is the view that it has to be, of a vector that is aligned."""
    own = {id(v) for node in made.nodes for _, v in node.layer.variables()}
    assert own == {id(variable) for variable in made.variables.values()}
    for name, variable in made.variables.items():
        is_parameter = isinstance(variable, Parameter)
        assert np.shares_memory(made.params if is_parameter else made.states, variable.value), name
        if is_parameter:
            assert np.shares_memory(made.grads, variable.grad), name
    for vector in (made.params, made.grads, made.states):
        assert vector.size == 0 or vector.ctypes.data % CACHE_LINE == 0


def steps(made, count=5):
    """Train with a plain loop, and return the parameters and states."""
    for _ in range(count):
        made.train_step(X, T)
        made.params[...] -= np.float32(0.1) * made.grads
    return made.params.tobytes() + made.states.tobytes()


@both
def test_a_copy_of_a_network_keeps_every_view_and_every_number(copied):
    original = network()

    other = copied(original)

    assert_whole(other)
    for name in ("params", "grads", "states"):
        np.testing.assert_array_equal(getattr(other, name), getattr(original, name))
        assert not np.shares_memory(getattr(other, name), getattr(original, name))
    np.testing.assert_array_equal(other.predict(X), original.predict(X))


@both
def test_a_copy_of_a_network_trains_on_to_the_same_bytes_and_leaves_the_original_alone(copied):
    original = network()
    before = original.params.tobytes()

    other = copied(original)
    of_copy = steps(other)

    assert original.params.tobytes() == before
    assert steps(original) == of_copy


@both
def test_the_generators_of_a_copy_are_its_own(copied):
    original = network()
    other = copied(original)

    ours, theirs = original.nodes[0].layer, other.nodes[0].layer

    assert theirs.rng is theirs.inside["second"].rng is not ours.rng
    assert theirs.rng.random() == ours.rng.random()


@both
def test_a_copy_of_a_network_that_was_never_initialised_is_one_too(copied):
    other = copied(Network([Pair(8), Affine(2)], (6,), loss=SoftmaxWithLoss()))

    with pytest.raises(NotReadyError):
        other.predict(X)
    if copied is copy.deepcopy:  # a pickle does not hold the lambda that Pair begins with
        assert_whole(other.initialize())


@both
def test_a_copy_holds_nothing_of_the_last_pass(copied):
    original = network()
    original.predict(np.zeros((5000, 6), np.float32))

    other = copied(original)

    assert other.values == []
    with pytest.raises(NotReadyError, match=r"call network\.forward"):
        other.backward(np.zeros((5000, 2), np.float32))
    held = [a for n in other.nodes for a in vars(n.layer).values() if isinstance(a, np.ndarray)]
    assert [array for array in held if len(array) > 100] == []
    assert len(pickle.dumps(original)) < 20_000


def test_a_first_value_that_pickles_cannot_hold_is_told_when_it_is_needed():
    other = pickled(network())

    with pytest.raises(UserError, match=r"comes from Pair.build.<locals>.<lambda>, which a pickle"):
        other.initialize()


def test_a_first_value_that_pickles_hold_is_drawn_again():
    other = pickled(Network([Affine(2)], (6,)).initialize(1)).initialize(5)

    expected = Network([Affine(2)], (6,)).initialize(5)
    np.testing.assert_array_equal(other.params, expected.params)


@pytest.mark.parametrize(
    "original", [network(), network().nodes[0].layer, SGD(), State((2,))], ids=type
)
def test_a_shallow_copy_is_refused_as_it_would_share_arrays(original):
    with pytest.raises(UserError, match=r"would share its arrays .* use copy.deepcopy"):
        copy.copy(original)


@both
def test_a_copy_of_one_layer_has_arrays_of_its_own(copied):
    original = Affine(3)
    original.initialize((6,))
    original.forward(X)
    original.backward(np.ones((40, 3)))

    other = copied(original)
    other.W.value += 1

    np.testing.assert_array_equal(other.W.value, original.W.value + 1)
    np.testing.assert_array_equal(other.W.grad, original.W.grad)
    assert other.W.value.ctypes.data % CACHE_LINE == 0
    with pytest.raises(NotReadyError, match="call forward first"):
        other.backward(np.ones((40, 3)))


def test_a_copy_of_a_layer_keeps_what_was_set_after_it_was_initialised():
    original = Dropout()
    original.initialize((6,))
    original.remark = "mine"

    assert copy.deepcopy(original).remark == "mine"


def test_a_layer_is_copied_around_variables_that_are_told_to_be_shared():
    layer = network().nodes[0].layer
    memo = {id(variable): variable for _, variable in layer.variables()}

    other = copy.deepcopy(layer, memo)

    assert [v for _, v in other.variables()] == [v for _, v in layer.variables()]
    assert other.inside["first"].W is layer.inside["first"].W


@both
def test_a_copy_of_an_optimizer_goes_on_to_the_same_numbers(copied):
    original = Adam(0.1)
    original.initialize(3)
    params = np.ones(3)
    original.update(params, np.arange(3.0), 0)

    other, other_params = copied(original), params.copy()
    for each, vector in ((original, params), (other, other_params)):
        each.update(vector, np.arange(3.0), 1)

    np.testing.assert_array_equal(params, other_params)
    assert not np.shares_memory(original.squares.value, other.squares.value)


def trainer(compilers=(), **settings):
    made = network()
    made.compilers = list(compilers)
    how = TrainingSettings(**{"epochs": 4, "batch_size": 8, **settings})
    return Trainer(made, DATA, Adam(Cosine(0.01)), how, {}, seed=5)


@both
def test_a_trainer_that_is_copied_in_the_middle_goes_on_to_the_same_bytes(copied):
    original = trainer()
    for _ in range(5):
        original.train_step()

    other = copied(original)
    last = [list(each.run())[-1] for each in (original, other)]

    assert last[0] == last[1]
    assert original.network.params.tobytes() == other.network.params.tobytes()
    assert original.optimizer_state.tobytes() == other.optimizer_state.tobytes()
    assert original.best.params.tobytes() == other.best.params.tobytes()


@both
def test_a_copy_of_a_trainer_keeps_every_view(copied):
    original = trainer()
    original.train_step()

    other = copied(original)

    assert_whole(other.network)
    assert other.optimizer_state.ctypes.data % CACHE_LINE == 0
    np.testing.assert_array_equal(other.optimizer_state, original.optimizer_state)
    for _, state in variables(other.optimizer):
        assert np.shares_memory(other.optimizer_state, state.value)
    assert other.fastest_step.network is other.network
    assert other.fastest_step.optimizer is other.optimizer


def test_a_deep_copy_of_a_trainer_shares_the_examples():
    original = trainer()

    assert copy.deepcopy(original).data is original.data


# With the plugins that are installed, and in other processes

WORKERS = """
import multiprocessing, pickle, sys
import numpy as np
from layerkit import Data, Network, Split, Trainer, load_registry
from layerkit.builtin.layers import Affine, Dropout, Relu
from layerkit.builtin.losses import SoftmaxWithLoss
from layerkit.builtin.optimizers import Adam
from layerkit.spec import TrainingSettings

X = np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)
T = (X.sum(axis=1) > 0).astype(int)

def trained(trainer):
    *_, last = trainer.run()
    return last.scores, trainer.network.params, type(trainer.fastest_step).__name__

def predicted(network):
    return network.predict(X)

if __name__ == "__main__":
    registry = load_registry()
    print("compilers", len(registry.compilers))
    network = Network([Affine(8), Relu(), Affine(2)], (6,), loss=SoftmaxWithLoss())
    network.compilers = registry.compilers
    network.initialize(1)
    split = Split(X, T)
    settings = TrainingSettings(epochs=3, batch_size=16)
    trainer = Trainer(network, Data(split, split), Adam(0.01), settings, {})
    trainer.train_step()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        outputs = pool.map(predicted, [network] * 3)
        results = pool.map(trained, [trainer] * 2)
    assert all(np.array_equal(y, network.predict(X)) for y in outputs)
    here = trained(trainer)
    for there in results:
        assert there[0] == here[0], (there[0], here[0])
        assert there[1].tobytes() == here[1].tobytes()
        assert there[2] == here[2]
    print("step", here[2])
"""


@pytest.mark.parametrize("plugins", ["", None], ids=["without plugins", "with the installed ones"])
def test_processes_that_are_spawned_predict_and_train_to_the_same_bytes(
    plugins, tmp_path, monkeypatch
):
    if plugins is not None:
        monkeypatch.setenv("LAYERKIT_PLUGINS", plugins)
    script = Path(tmp_path, "workers.py")
    script.write_text(WORKERS)

    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    compilers, step = (line.split()[1] for line in done.stdout.splitlines())
    assert (step == "Step") == (compilers == "0")


def test_compilers_are_found_anew_where_a_pickle_is_read():
    original = network()
    original.compilers = [lambda *_: None]

    assert pickled(original).compilers is None
    assert copy.deepcopy(original).compilers == original.compilers


def test_that_there_are_to_be_no_compilers_goes_into_the_pickle():
    original = network()
    original.compilers = ()

    assert pickled(original).compilers == ()


def test_a_network_from_the_registry_of_the_installed_plugins_can_be_pickled():
    original = network()
    original.compilers = load_registry().compilers

    assert_whole(pickled(original))
