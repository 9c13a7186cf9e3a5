"""Steps in C against those in NumPy, which the core's tests prove."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from comparing import (
    BYTES,
    CLASSES,
    LABELS,
    LAYERS,
    MOSTLY_ZEROS,
    NUMBERS,
    ONE_HOT,
    OPTIMIZERS,
    READ_ONLY,
    RNG,
    VALUES,
    assert_close,
    both,
    gradients_of,
    step,
    trainer,
)
from hypothesis import given, settings, strategies as st

from layerkit import (
    Data,
    DataError,
    Network,
    Node,
    NonFiniteError,
    ShapeError,
    Split,
    Step,
    Trainer,
    Zeros,
    allowed_threads,
)
from layerkit.builtin.layers import Affine, Dropout, Gelu, Relu, Sigmoid, Tanh
from layerkit.builtin.losses import Huber, MeanSquaredError, SoftmaxWithLoss
from layerkit.builtin.optimizers import SGD, RMSprop
from layerkit.spec import TrainingSettings
from layerkit_compiled.compiling import CompiledStep
from layerkit_compiled.programs import leaves_out_zeros
from layerkit_sequence import Lstm


class TestGradients:
    @pytest.mark.parametrize(
        ("loss", "split"),
        [(SoftmaxWithLoss, CLASSES), (SoftmaxWithLoss, ONE_HOT), (MeanSquaredError, VALUES)],
        ids=["labels", "one-hot", "numbers"],
    )
    @pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
    def test_are_those_of_numpy(self, layers, loss, split):
        in_c, in_numpy = both(layers, loss, split)

        loss, grads = gradients_of(in_c)
        loss_in_numpy, grads_in_numpy = gradients_of(in_numpy)

        assert in_c.fastest_step.compiles_gradients
        assert loss == pytest.approx(loss_in_numpy, rel=1e-6)
        assert_close(grads, grads_in_numpy)

    @pytest.mark.parametrize("layers", ["shared by columns", "lstms on top of each other"])
    @given(count=st.integers(1, 130), seed=st.integers(0, 9))
    @settings(deadline=None, max_examples=40, derandomize=True)
    def test_are_those_of_numpy_for_batches_of_any_size(self, layers, count, seed):
        in_c, in_numpy = both(LAYERS[layers], SoftmaxWithLoss, batch_size=130)
        indices = np.random.default_rng(seed).integers(0, 130, count)

        loss = in_c.fastest_step.gradients(indices)

        assert loss == pytest.approx(in_numpy.fastest_step.gradients(indices), rel=1e-6)
        assert_close(in_c.network.grads, in_numpy.network.grads)

    @pytest.mark.parametrize("x", ["uint8", "int32", "int64", "float32", "float64"])
    @pytest.mark.parametrize("units", [44, 64, 100, 512])
    @pytest.mark.parametrize("bias", [True, False])
    @pytest.mark.parametrize("writeable", [True, False])
    def test_are_those_of_numpy_where_zeros_are_left_out(self, x, units, bias, writeable):
        split = Split(MOSTLY_ZEROS.astype(x), LABELS, 1 / 255)
        split.x.flags.writeable = writeable
        in_c, in_numpy = both(
            lambda: [Affine(units, bias=bias), Relu(), Affine(7)], SoftmaxWithLoss, split
        )

        assert leaves_out_zeros(split, units)
        assert_close(gradients_of(in_c)[1], gradients_of(in_numpy)[1])

    @given(count=st.integers(1, 130), seed=st.integers(0, 9), writeable=st.booleans())
    @settings(deadline=None, max_examples=80, derandomize=True)
    def test_leave_out_zeros_in_batches_of_any_size(self, count, seed, writeable):
        split = Split(MOSTLY_ZEROS.copy(), LABELS, 1 / 255)
        split.x.flags.writeable = writeable
        in_c, in_numpy = both(lambda: [Affine(70)], SoftmaxWithLoss, split, batch_size=130)
        indices = np.random.default_rng(seed).integers(0, 130, count)

        for _ in range(2):
            in_c.fastest_step.gradients(indices)

        in_numpy.fastest_step.gradients(indices)
        assert_close(in_c.network.grads, in_numpy.network.grads)

    @pytest.mark.parametrize("x", ["uint8", "int32", "int64", "float32", "float64"])
    @pytest.mark.parametrize("t", ["uint8", "int32", "int64"])
    def test_read_the_types_that_data_are_stored_in(self, x, t):
        split = Split(BYTES.astype(x), LABELS.astype(t), 1 / 255)
        in_c, in_numpy = both(LAYERS["the chapter's"], SoftmaxWithLoss, split)

        assert type(in_c.fastest_step) is CompiledStep
        assert_close(gradients_of(in_c)[1], gradients_of(in_numpy)[1])

    def test_read_a_memory_map(self, tmp_path):
        np.save(tmp_path / "x.npy", BYTES)
        mapped = Split(np.load(tmp_path / "x.npy", mmap_mode="r"), LABELS, 1 / 255)
        in_c = trainer(LAYERS["the chapter's"], SoftmaxWithLoss, mapped)

        assert in_c.fastest_step.compiles_gradients
        assert_close(
            gradients_of(in_c)[1],
            gradients_of(trainer(LAYERS["the chapter's"], SoftmaxWithLoss))[1],
        )

    @pytest.mark.parametrize("largest", [1e-3, 1.0, 30.0, 1e4])
    @pytest.mark.parametrize("activation", [Relu, Sigmoid, Tanh])
    def test_are_those_of_numpy_from_small_to_large_numbers(self, activation, largest):
        values = Split(np.linspace(-largest, largest, 400).reshape(50, 8), RNG.normal(size=(50, 8)))
        in_c, in_numpy = both(lambda: [activation(), Affine(8)], MeanSquaredError, values)

        loss, grads = gradients_of(in_c)
        loss_in_numpy, grads_in_numpy = gradients_of(in_numpy)

        assert in_c.fastest_step.compiles_gradients
        assert loss == pytest.approx(loss_in_numpy, rel=1e-6)
        assert_close(grads, grads_in_numpy)

    @pytest.mark.parametrize(
        "targets",
        [LABELS[:50], np.eye(7, dtype=np.uint8)[LABELS[:50]], RNG.dirichlet(np.ones(7), 50)],
        ids=["labels", "one-hot", "probabilities"],
    )
    @pytest.mark.parametrize("logits", [1e-6, 1.0, 80.0, 1e30])
    def test_of_the_softmax_are_those_of_numpy_from_small_to_large_logits(self, logits, targets):
        split = Split(logits * RNG.normal(size=(50, 7)), targets)
        in_c, in_numpy = both(lambda: [Affine(7)], SoftmaxWithLoss, split)

        loss, grads = gradients_of(in_c)
        loss_in_numpy, grads_in_numpy = gradients_of(in_numpy)

        assert in_c.fastest_step.compiles_gradients
        assert loss == pytest.approx(loss_in_numpy, rel=1e-6)
        assert_close(grads, grads_in_numpy)

    @pytest.mark.parametrize("layers", [LAYERS["lstm"], LAYERS["shared by columns"]])
    def test_are_the_same_to_the_byte_each_time(self, layers):
        first, second = (gradients_of(trainer(layers, SoftmaxWithLoss)) for _ in range(2))

        assert first[0] == second[0]
        np.testing.assert_array_equal(first[1], second[1])


class TestOutputs:
    @pytest.mark.parametrize(
        "split",
        [CLASSES, Split(MOSTLY_ZEROS, LABELS, 1 / 255), Split(READ_ONLY, LABELS, 1 / 255)],
        ids=["dense", "mostly zeros", "read-only"],
    )
    @pytest.mark.parametrize("layers", [LAYERS["the chapter's"], LAYERS["shared by columns"]])
    @pytest.mark.parametrize("count", [1, 49, 50, 130])
    def test_are_those_of_numpy(self, layers, split, count):
        made = trainer(layers, SoftmaxWithLoss, split)
        part = Split(split.x[-count:], split.t[-count:], split.scale)
        others = Split(part.x[::-1].copy(), part.t, split.scale)

        for examples in (part, others):
            outputs = made.fastest_step.outputs(examples)

            assert_close(outputs, made.network.forward(examples.x * np.float32(1 / 255)))

    @pytest.mark.parametrize("layers", [LAYERS["affine"], lambda: [Affine(100), Affine(7)]])
    @pytest.mark.parametrize(
        ("train", "test"),
        [
            (slice(0, 60), slice(0, 130)),
            (slice(0, 60), slice(40, 120)),
            (slice(60, 130), slice(60)),
        ],
        ids=["whole", "overlapping", "before"],
    )
    def test_for_examples_that_share_memory_with_those_to_train_on(self, layers, train, test):
        made = trainer(layers, SoftmaxWithLoss, Split(READ_ONLY[train], LABELS[train], 1 / 255))

        outputs = made.fastest_step.outputs(Split(READ_ONLY[test], LABELS[test], 1 / 255))

        assert_close(outputs, made.network.forward(READ_ONLY[test] * np.float32(1 / 255)))

    def test_for_windows_that_are_shifted_by_half_of_one(self):
        series = RNG.integers(0, 256, 60 * 20 + 10, np.uint8)
        train, test = series[:1200].reshape(60, 20), series[10:].reshape(60, 20)
        made = trainer(LAYERS["affine"], SoftmaxWithLoss, Split(train, LABELS[:60], 1 / 255))

        outputs = made.fastest_step.outputs(Split(test, LABELS[:60], 1 / 255))

        assert_close(outputs, made.network.forward(test * np.float32(1 / 255)))

    def test_for_single_bytes_that_lie_before_those_to_train_on(self):
        x = np.zeros((120, 1), np.uint8)
        x[::5] = 9
        x.flags.writeable = False
        made = trainer(
            lambda: [Affine(64), Affine(7)], SoftmaxWithLoss, Split(x[60:], LABELS[60:120])
        )

        outputs = made.fastest_step.outputs(Split(x[:60], LABELS[:60]))

        assert_close(outputs, made.network.forward(x[:60]))

    @pytest.mark.parametrize("layers", ["lstm, all steps", "lstms on top of each other"])
    def test_of_sequences_are_those_of_numpy(self, layers):
        made = trainer(LAYERS[layers], SoftmaxWithLoss)

        outputs = made.fastest_step.outputs(CLASSES)

        assert_close(outputs, made.network.forward(BYTES * np.float32(1 / 255)))

    def test_leave_the_training_as_it_was(self):
        in_c, in_numpy = both(LAYERS["the chapter's"], SoftmaxWithLoss)

        in_c.fastest_step.outputs(Split(BYTES[::-1].copy(), LABELS, 1 / 255))

        assert_close(gradients_of(in_c)[1], gradients_of(in_numpy)[1])

    @pytest.mark.parametrize(
        "part",
        [
            Split(BYTES.astype(np.float32), LABELS, 1 / 255),
            Split(BYTES, LABELS, 1 / 256),
            Split(BYTES[::2], LABELS[::2], 1 / 255),
        ],
        ids=["other type", "other scale", "strided"],
    )
    def test_for_examples_stored_otherwise_are_left_to_numpy(self, part):
        assert trainer(LAYERS["affine"], SoftmaxWithLoss).fastest_step.outputs(part) is None

    def test_are_left_to_numpy_where_training_has_small_batches(self):
        made = trainer(LAYERS["affine"], SoftmaxWithLoss, batch_size=8)

        assert made.fastest_step.compiles_gradients
        assert made.fastest_step.outputs(CLASSES) is None

    def test_are_left_to_numpy_where_steps_are(self):
        made = trainer(lambda: [Affine(20), Gelu(), Affine(7)], SoftmaxWithLoss)

        assert made.fastest_step.compiles_updates
        assert made.fastest_step.outputs(CLASSES) is None

    def test_that_are_not_finite_are_told_with_their_place(self):
        wrong = MOSTLY_ZEROS.astype(np.float32)
        wrong[120, 4] = np.inf
        train, test = Split(MOSTLY_ZEROS.astype(np.float32), LABELS), Split(wrong, LABELS)
        made = Trainer(
            Network([Affine(100), Affine(7)], (300,), loss=SoftmaxWithLoss()).initialize(),
            Data(train, test),
            SGD(1e-5),
            TrainingSettings(epochs=1, batch_size=50),
            {},
        )

        with pytest.raises(NonFiniteError, match=r"the test loss became nan .* arose in the data"):
            list(made.run())


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_training_takes_the_way_of_numpys(layers, optimizer):
    in_c, in_numpy = both(layers, SoftmaxWithLoss, CLASSES, optimizer)

    last = [list(each.run())[-1].scores for each in (in_c, in_numpy)]

    assert type(in_c.fastest_step) is CompiledStep
    assert type(in_numpy.fastest_step) is Step
    assert last[0] == pytest.approx(last[1], rel=1e-3)
    assert_close(in_c.network.params, in_numpy.network.params, rtol=1e-3)
    assert_close(in_c.optimizer_state, in_numpy.optimizer_state, rtol=1e-3)


def test_a_network_that_is_initialized_again_goes_on_to_learn():
    in_c, in_numpy = both(LAYERS["the chapter's"], SoftmaxWithLoss)

    for each in (in_c, in_numpy):
        each.train_step()
        each.network.initialize(7)
        list(each.run())

    assert in_c.fastest_step.compiles_gradients
    assert_close(in_c.network.params, in_numpy.network.params, rtol=1e-3)


def test_a_training_written_in_python_is_compiled_like_one_from_a_spec():
    network = Network(LAYERS["the chapter's"](), (60,), loss=SoftmaxWithLoss()).initialize()
    how = TrainingSettings(epochs=1, batch_size=50)

    made = Trainer(network, Data(CLASSES, CLASSES), SGD(0.1), how, {})

    assert made.fastest_step.compiles_gradients
    assert made.fastest_step.compiles_updates


@pytest.mark.parametrize(
    ("share", "units", "left_out"),
    [(0, 16, False), (0, 17, True), (0.24, 64, True), (0.25, 64, False), (0.24, 65, False)],
)
def test_zeros_are_left_out_where_that_is_sooner(share, units, left_out):
    x = np.zeros((130, 100), np.float32)
    x[:, : round(100 * share)] = 1

    assert leaves_out_zeros(Split(x, LABELS), units) is left_out


def test_zeros_of_a_mapped_file_are_looked_for_whenever_an_example_is_drawn(tmp_path):
    x = np.zeros((130, 100), np.float32)
    x[:, :33] = 1
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")

    assert not leaves_out_zeros(Split(mapped, LABELS), 64)
    assert not leaves_out_zeros(Split(np.asarray(mapped), LABELS), 64)


def test_zeros_are_left_out_of_more_data_where_they_are_looked_for_once():
    x = np.zeros((130, 100), np.float32)
    x[:, :33] = 1
    split = Split(x, LABELS)
    before = leaves_out_zeros(split, 64)

    view = Split(x.view(), LABELS)
    view.x.flags.writeable = False

    assert not before
    assert not leaves_out_zeros(view, 64)  # x can still be changed
    x.flags.writeable = False
    assert leaves_out_zeros(view, 64)
    assert leaves_out_zeros(split, 64)


def test_examples_that_are_changed_while_training_are_seen_so():
    split = Split(MOSTLY_ZEROS.copy(), LABELS, 1 / 255)
    in_c, in_numpy = both(lambda: [Affine(100)], SoftmaxWithLoss, split)
    gradients_of(in_c)

    split.x[...] = np.roll(split.x, 1, axis=1)

    assert_close(gradients_of(in_c)[1], gradients_of(in_numpy)[1])


class TestWhatIsNotCompiled:
    @pytest.mark.parametrize(
        ("layers", "loss", "split"),
        [
            (lambda: [Affine(20), Gelu(), Affine(7)], SoftmaxWithLoss, CLASSES),
            (lambda: [Affine(20), Dropout(0.5), Affine(7)], SoftmaxWithLoss, CLASSES),
            (lambda: [Affine(7)], Huber, VALUES),
            (lambda: [Affine(7)], SoftmaxWithLoss, Split(BYTES, np.eye(7, dtype=bool)[LABELS])),
            (lambda: [Affine(7)], SoftmaxWithLoss, Split(BYTES[:, ::2], LABELS, 1 / 255)),
            (lambda: [Affine(7)], MeanSquaredError, Split(BYTES, NUMBERS[:, ::-1], 1 / 255)),
            (lambda: [Affine(7)], SoftmaxWithLoss, Split(BYTES.astype(np.int16), LABELS)),
            (lambda: [Affine(7)], SoftmaxWithLoss, Split(BYTES.astype(">f4"), LABELS)),
        ],
        ids=["layer", "random", "loss", "booleans", "strided", "strided t", "int16", "big-endian"],
    )
    def test_goes_through_numpy_and_only_the_update_through_c(self, layers, loss, split):
        in_c, in_numpy = both(layers, loss, split)

        for each in (in_c, in_numpy):
            list(each.run())

        assert not in_c.fastest_step.compiles_gradients
        assert in_c.fastest_step.compiles_updates
        assert_close(in_c.network.params, in_numpy.network.params)

    def test_an_optimizer_that_is_not_known_updates_in_numpy(self):
        in_c, in_numpy = both(LAYERS["the chapter's"], SoftmaxWithLoss, CLASSES, RMSprop)

        for each in (in_c, in_numpy):
            list(each.run())

        assert in_c.fastest_step.compiles_gradients
        assert not in_c.fastest_step.compiles_updates
        assert_close(in_c.network.params, in_numpy.network.params, rtol=1e-3)

    def test_a_class_that_is_derived_from_a_known_one_may_do_otherwise(self):
        class Louder(Affine):
            def forward(self, x):
                return 2 * super().forward(x)

        class Backwards(SGD):
            def update(self, params, grads, step):
                params += grads

        other = trainer(lambda: [Louder(7)], SoftmaxWithLoss, optimizer=Backwards)

        assert type(other.fastest_step) is Step

    def test_float64_stays_in_numpy(self):
        double = trainer(LAYERS["affine"], SoftmaxWithLoss, dtype="float64")

        assert type(double.fastest_step) is Step


class TestWhatIsWrong:
    @pytest.mark.parametrize(
        ("shape", "message"),
        [((30,), "(batch, 30), got (50, 60)"), ((120,), "(batch, 120), got (50, 60)")],
        ids=["too wide", "too narrow"],
    )
    def test_examples_that_do_not_fit_are_refused_by_numpy_before_a_number_is_read(
        self, shape, message
    ):
        made = step(Network([Affine(7)], shape, loss=SoftmaxWithLoss()).initialize(), CLASSES)

        with pytest.raises(ShapeError, match=re.escape(message)):
            made.gradients(np.arange(50))

        assert not made.compiles_gradients

    @pytest.mark.parametrize(
        ("loss", "t", "error"),
        [
            (SoftmaxWithLoss, LABELS[:, None], ShapeError),
            (SoftmaxWithLoss, np.eye(8)[LABELS], ShapeError),
            (SoftmaxWithLoss, 255 * np.eye(7)[LABELS], DataError),
            (MeanSquaredError, NUMBERS[:, :3].copy(), ShapeError),
            (MeanSquaredError, NUMBERS.reshape(130, 1, 7), ShapeError),
        ],
        ids=["column", "more classes", "bytes", "fewer numbers", "as many numbers"],
    )
    def test_targets_that_do_not_fit_are_refused_by_numpy(self, loss, t, error):
        network = Network([Affine(7)], (60,), loss=loss()).initialize()

        made = step(network, Split(BYTES, t, 1 / 255))

        assert not made.compiles_gradients
        with pytest.raises(error):
            made.gradients(np.arange(50))

    def test_a_network_of_two_inputs_is_no_chain(self):
        nodes = [Node(Affine(60), (0,), "a", "affine"), Node(Affine(7), (1,), "b", "affine")]

        made = step(Network(nodes, (60,), (60,), loss=SoftmaxWithLoss()).initialize(), CLASSES)

        assert not made.compiles_gradients

    def test_a_layer_without_inputs_is_left_to_numpy(self):
        nothing = Split(np.zeros((130, 0), np.float32), LABELS)
        zeros = Zeros()

        made = trainer(lambda: [Affine(7, weight_init=zeros)], SoftmaxWithLoss, nothing)

        assert not made.fastest_step.compiles_gradients

    def test_labels_are_refused_as_numpy_refuses_them(self):
        labels = LABELS.copy()
        in_c, in_numpy = both(LAYERS["affine"], SoftmaxWithLoss, Split(BYTES, labels, 1 / 255))
        assert in_c.fastest_step.compiles_gradients
        labels[3] = 7

        for each in (in_c, in_numpy):
            with pytest.raises((DataError, ValueError), match="labels must be from 0 to 6, got"):
                gradients_of(each)

    @pytest.mark.parametrize("index", [-1, 130, 2**40])
    def test_examples_that_are_not_there_are_never_read(self, index):
        in_c = trainer(LAYERS["affine"], SoftmaxWithLoss)

        with pytest.raises(IndexError, match=f"there are 130 examples, got the index {index}"):
            in_c.fastest_step.gradients(np.array([0, index]))

    @pytest.mark.parametrize("indices", [np.arange(51), np.arange(0), np.arange(4, dtype=np.int32)])
    def test_batches_that_do_not_fit_are_never_read(self, indices):
        in_c = trainer(LAYERS["affine"], SoftmaxWithLoss)

        with pytest.raises(ValueError, match="takes from 1 to 50 indices of 64 bits, got"):
            in_c.fastest_step.gradients(indices)

    def test_a_loss_that_is_not_finite_is_told_with_its_place(self):
        in_c = trainer(LAYERS["the chapter's"], MeanSquaredError, VALUES, lambda: SGD(1e30))

        with pytest.raises(NonFiniteError, match=r"arose in layers\[\d\]"):
            list(in_c.run())

    @pytest.mark.parametrize("activation", [Relu, Sigmoid, Tanh])
    def test_nan_in_the_data_is_not_covered_up(self, activation):
        numbers = np.zeros((50, 7), np.float32)
        numbers[20, 3] = np.nan
        in_c = trainer(
            lambda: [activation(), Affine(7)], MeanSquaredError, Split(numbers, NUMBERS[:50])
        )

        with pytest.raises(NonFiniteError, match="the first value that is not finite arose in"):
            list(in_c.run())

    def test_nan_at_one_step_of_a_sequence_is_not_covered_up(self):
        numbers = np.zeros((50, 4, 3), np.float32)
        numbers[20, 2, 1] = np.nan
        in_c = trainer(lambda: [Lstm(5), Affine(7)], MeanSquaredError, Split(numbers, NUMBERS[:50]))

        with pytest.raises(NonFiniteError, match="arose in the data"):
            list(in_c.run())


TRAIN = """
import hashlib, multiprocessing, sys
sys.path.insert(0, sys.argv[1])
from comparing import LAYERS, OPTIMIZERS, trainer
from layerkit.builtin.losses import SoftmaxWithLoss

def trained(name="shared by columns"):
    made = trainer(LAYERS[name], SoftmaxWithLoss, optimizer=OPTIMIZERS["adam"])
    list(made.run())
    assert made.fastest_step.compiles_gradients
    return made.network.params

if __name__ == "__main__":
"""


def python(program, **environment):
    return subprocess.run(
        [sys.executable, "-c", TRAIN + program, str(Path(__file__).parent)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


class TestThreads:
    def test_as_many_are_used_as_numpys_products_may_have(self):
        program = "    trained(); import threading, os; print(len(os.listdir('/proc/self/task')))"

        with_one = int(python(program, OPENBLAS_NUM_THREADS="1"))

        assert with_one == 1
        assert int(python(program)) >= allowed_threads()

    def test_they_are_as_many_wherever_the_first_step_is_asked_for(self):
        # While it trains, products of a net so small have one thread.
        before, meanwhile = (trainer(LAYERS["shared by rows"], SoftmaxWithLoss) for _ in range(2))

        assert before.fastest_step.compiles_gradients
        for each in (before, meanwhile):
            list(each.run())

        np.testing.assert_array_equal(before.network.params, meanwhile.network.params)

    def test_their_number_changes_rounding_alone(self):
        program = "    print(trained().tolist())"

        one, two = (json.loads(python(program, OPENBLAS_NUM_THREADS=n)) for n in "12")

        assert_close(np.array(one), np.array(two), rtol=1e-3)

    def test_more_threads_than_cores_do_no_harm(self):
        program = "    print(trained().tolist())"
        many = json.loads(python(program, OPENBLAS_NUM_THREADS="64"))

        assert_close(np.array(many), trainer_params(), rtol=1e-3)

    def test_a_process_that_is_forked_off_trains_like_its_parent(self):
        program = """
    before = trained()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        after = pool.map(trained, ["shared by columns"] * 2)
    assert all((a == before).all() for a in after)
    assert (trained() == before).all()
    print("the same")
"""
        assert python(program) == "the same\n"

    def test_trainings_may_run_beside_each_other(self):
        program = """
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(trained, ["the chapter's", "shared by columns"] * 4))
    assert all((a == b).all() for a, b in zip(found[2:], found))
    print("the same")
"""
        assert python(program) == "the same\n"


def trainer_params():
    made = trainer(LAYERS["shared by columns"], SoftmaxWithLoss, optimizer=OPTIMIZERS["adam"])
    list(made.run())
    return made.network.params
