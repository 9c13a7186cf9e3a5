"""Runs give the same bytes for any number of threads and any other training at the same time."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import layerkit.sharing
from layerkit import Data, Network, Split, Trainer
from layerkit.builtin.layers import Affine, Relu
from layerkit.builtin.losses import SoftmaxWithLoss
from layerkit.builtin.optimizers import SGD
from layerkit.sharing import Gate
from layerkit.spec import TrainingSettings


def trained(units, steps=30):
    """Return the parameters after some steps in NumPy, as bytes."""
    rng = np.random.default_rng(0)
    split = Split(rng.normal(size=(512, 200)).astype(np.float32), rng.integers(0, 10, 512))
    network = Network(
        [Affine(units), Relu(), Affine(10)], (200,), loss=SoftmaxWithLoss()
    ).initialize(0)
    network.compilers = []
    settings = TrainingSettings(steps=steps, batch_size=256)
    list(Trainer(network, Data(split, split), SGD(0.01), settings, {}).run())
    return network.params.tobytes()


def test_another_training_beside_it_changes_nothing(monkeypatch):
    monkeypatch.setattr(layerkit.sharing, "allowed_threads", lambda: 8)
    monkeypatch.setattr(layerkit.sharing, "_gate", Gate())
    alone = trained(1000)

    with ThreadPoolExecutor(3) as pool:
        beside, *_ = pool.map(trained, [1000, 8, 8])

    assert beside == alone


def test_neither_does_the_number_of_threads_that_share_its_products(monkeypatch):
    results = set()
    for threads in (1, 2, 3, 8):
        monkeypatch.setattr(layerkit.sharing, "allowed_threads", lambda n=threads: n)
        monkeypatch.setattr(layerkit.sharing, "_gate", Gate())
        results.add(trained(1000))

    assert len(results) == 1


@pytest.mark.slow
def test_nor_the_number_of_threads_that_the_environment_asks_for():
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from test_bytes import trained; "
        "sys.stdout.buffer.write(trained(1000))"
    )
    results = set()
    for threads in ("1", "2", "8"):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads}
        done = subprocess.run(
            [sys.executable, "-c", program, os.path.dirname(__file__)],
            env=environment,
            capture_output=True,
            check=True,
        )
        results.add(done.stdout)

    assert len(results) == 1
