"""Threads that share a step: every share once, the same bytes however many there are, and forks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from layerkit import Data, Network, Split, Trainer
from layerkit.builtin.layers import Affine, Relu, Reshape
from layerkit.builtin.losses import SoftmaxWithLoss
from layerkit.builtin.optimizers import SGD, Adam
from layerkit.spec import TrainingSettings
from layerkit_compiled import _kernels, layerkit_compile
from layerkit_compiled.compiling import CompiledStep
from layerkit_sequence import Lstm

HERE = Path(__file__).parent
COUNTS = (1, 2, 3, 4, 5, 8)

RNG = np.random.default_rng(1)
IMAGES = Split(RNG.integers(0, 256, (1200, 784), np.uint8), RNG.integers(0, 10, 1200), 1 / 255)

# By name: the layers, the size of a batch and the optimizer.
TRAININGS = {
    "784-100-10 in batches of 16": (lambda: [Affine(100), Relu(), Affine(10)], 16, SGD),
    "784-100-10 in batches of 200": (lambda: [Affine(100), Relu(), Affine(10)], 200, Adam),
    "784-200-200-10 in batches of 600": (
        lambda: [Affine(200), Relu(), Affine(200), Relu(), Affine(10)],
        600,
        Adam,
    ),
    "784-300-10 in batches of 1,100": (lambda: [Affine(300), Relu(), Affine(10)], 1100, SGD),
    "an lstm in batches of 64": (lambda: [Reshape([28, 28]), Lstm(20), Affine(10)], 64, Adam),
}


@pytest.fixture(autouse=True)
def threads_as_before():
    """Leave the number of threads to whoever compiles next."""
    yield
    _kernels.use_threads(1)


def trainer(name):
    layers, batch, optimizer = TRAININGS[name]
    network = Network(layers(), (784,), loss=SoftmaxWithLoss()).initialize()
    network.compilers = [layerkit_compile]
    settings = TrainingSettings(steps=20, batch_size=batch)
    return Trainer(network, Data(IMAGES, IMAGES), optimizer(0.01), settings, {})


def trained(name, threads, steps=20):
    """Return the bytes that so many threads, and not more or fewer, make in a training."""
    made = trainer(name)
    assert type(made.fastest_step) is CompiledStep
    assert made.fastest_step.compiles_gradients
    _kernels.use_threads(threads)  # whatever the machine allows
    losses = []
    for _ in range(steps):
        made.train_step()
        losses.append(made.loss)
    outputs = made.fastest_step.outputs(IMAGES)
    evaluated = b"" if outputs is None else outputs.tobytes()
    return made.network.params.tobytes() + np.array(losses).tobytes() + evaluated


def test_four_threads_give_the_same_bytes_ten_times():
    name = "784-100-10 in batches of 16"

    trainings = {trained(name, 4, steps=300) for _ in range(10)}

    assert len(trainings) == 1


@pytest.mark.parametrize("name", TRAININGS)
def test_any_number_of_threads_gives_the_same_bytes(name):
    by_count = {count: trained(name, count) for count in COUNTS}

    assert [n for n, found in by_count.items() if found != by_count[1]] == []


@pytest.fixture(scope="module")
def trained_with():
    """By how many threads a process is allowed, what each training gives there."""
    program = f"""
import hashlib, json, sys
sys.path.insert(0, {str(HERE)!r})
from test_compiled_threads import TRAININGS, trainer
hashes = {{}}
for name in TRAININGS:
    made = trainer(name)
    list(made.run())
    hashes[name] = hashlib.sha256(made.network.params.tobytes()).hexdigest()
print(json.dumps(hashes))
"""
    counts = (1, 2, 4)
    return {n: json.loads(python(program, OPENBLAS_NUM_THREADS=str(n))) for n in counts}


@pytest.mark.parametrize("name", TRAININGS)
def test_the_threads_that_are_allowed_do_not_change_the_bytes(name, trained_with):
    assert len({hashes[name] for hashes in trained_with.values()}) == 1


@pytest.mark.parametrize("count", [1, 16383, 40_000, 100_001, 300_000])
def test_updates_give_the_same_bytes_with_any_number_of_threads(count):
    rng = np.random.default_rng(count)
    start, grads = rng.normal(size=(2, count)).astype(np.float32)
    results = set()

    for threads in COUNTS:
        _kernels.use_threads(threads)
        params, velocity, means, squares = start.copy(), *np.zeros((3, count), np.float32)
        for _ in range(5):
            _kernels.sgd(params, grads, velocity, 0.1, 0.9, 0.01, True)
            _kernels.adam(params, grads, means, squares, 0.01, 0.9, 0.999, 1e-8, 0.0, 0.999)
        results.add(params.tobytes())

    assert len(results) == 1


def test_updates_of_lengths_in_turn_are_each_made_once():
    # Jobs of 2 and 4 shares: a thread that comes late from one must not take it for the other.
    _kernels.use_threads(4)
    short, long = np.zeros(33_000, np.float32), np.zeros(66_000, np.float32)
    ones = np.ones_like(long)

    for _ in range(20_000):
        _kernels.sgd(short, ones[:33_000], None, 1.0, 0.0, 0.0, False)
        _kernels.sgd(long, ones, None, 1.0, 0.0, 0.0, False)

    assert np.unique(short).tolist() == [-20_000]
    assert np.unique(long).tolist() == [-20_000]


COMPILERS = {"plain": [], "under the thread sanitizer": ["-fsanitize=thread", "-g"]}
JOBS = {"plain": 1_000_000, "under the thread sanitizer": 30_000}


@pytest.fixture(scope="module", params=COMPILERS)
def stress(request, tmp_path_factory):
    """The stress test of the pool, compiled; without a compiler it is skipped, but fails in CI."""
    program = tmp_path_factory.mktemp("pool") / "stress"
    flags = ["-std=gnu11", "-O2", "-pthread", "-I", str(HERE.parent / "source")]
    outputs = []
    for compiler in ("gcc", "clang"):
        command = [compiler, *flags, *COMPILERS[request.param], str(HERE / "pool_stress.c")]
        try:
            made = subprocess.run(
                [*command, "-o", str(program)], capture_output=True, text=True, timeout=100
            )
        except FileNotFoundError as error:
            outputs.append(str(error))
            continue
        if made.returncode == 0:
            return program, JOBS[request.param]
        outputs.append(made.stderr)
    missing = f"needs gcc or clang with {COMPILERS[request.param]}: {' '.join(outputs)}"
    if os.environ.get("CI"):
        pytest.fail(missing)
    return pytest.skip(missing)


@pytest.mark.parametrize("callers", [1, 2])
@pytest.mark.parametrize("threads", [2, 3, 4, 8])
def test_each_share_of_each_job_is_done_once(stress, threads, callers):
    program, jobs = stress
    made = subprocess.run(
        [program, str(threads), str(jobs // callers), str(callers)],
        env=os.environ | {"TSAN_OPTIONS": "halt_on_error=1"},
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout == f"0 of {jobs // callers * callers} jobs wrong\n"


def python(program, **environment):
    made = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert made.returncode == 0, made.stderr
    return made.stdout


FORKS = """
import os, signal, sys, threading, warnings
warnings.simplefilter("ignore")  # of forking with threads, which is the point
sys.path.insert(0, sys.argv[1])
import numpy as np
from layerkit import limit_blas_threads
from test_compiled_threads import IMAGES, Split, _kernels, trained, trainer

name = "784-100-10 in batches of 200"
expected = trained(name, 4, steps=5)
shared = trainer(name).fastest_step
others = Split(IMAGES.x[::-1].copy(), IMAGES.t, IMAGES.scale)
def results():
    loss = shared.gradients(np.arange(200))
    return loss, shared.network.grads.tobytes(), shared.outputs(others).tobytes()
before = results()
training = trainer(name)
training.fastest_step
_kernels.use_threads(4)
stop, started = False, threading.Barrier(3)

def repeat(work):
    with limit_blas_threads(1):  # as in Trainer.run
        started.wait()
        while not stop:
            work()

works = [training.train_step, lambda: shared.outputs(others)]
threads = [threading.Thread(target=repeat, args=[work]) for work in works]
for thread in threads:
    thread.start()
failed = []
with limit_blas_threads(1):
    started.wait()
    for fork in range(int(sys.argv[2])):
        child = os.fork()
        if not child:
            signal.alarm(60)  # ends a child that hangs
            _kernels.use_threads(4)
            same = results() == before and trained(name, 4, steps=5) == expected
            os._exit(0 if same else 1)
        status = os.waitpid(child, 0)[1]
        if status:
            failed.append((fork, os.waitstatus_to_exitcode(status)))
stop = True
for thread in threads:
    thread.join()
print(failed)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
@pytest.mark.slow
def test_a_process_forked_off_while_others_train_trains_too():
    made = subprocess.run(
        [sys.executable, "-c", FORKS, str(HERE), "60"],
        capture_output=True,
        text=True,
        timeout=500,
    )

    assert (made.returncode, made.stdout, made.stderr) == (0, "[]\n", "")
