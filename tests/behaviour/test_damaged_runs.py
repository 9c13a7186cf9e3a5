"""Damaged run folders are either loaded or refused with a message."""

import io
import json
import math
import shutil
import warnings
import zipfile

import numpy as np
import pytest
from mutating import damaged, tried

from layerkit import load_model, load_registry
from layerkit.builder import build_experiment
from layerkit.run import load_data, run_training
from layerkit.spec import parse_spec

SPEC = {
    "version": 1,
    "data": {"type": "spiral", "per_class": 20, "validation_fraction": 0.2},
    "layers": [
        {"type": "affine", "units": 4, "weight_init": "he"},
        "batch_norm",
        "relu",
        {"type": "dropout", "rate": 0.5},
        {"type": "affine", "units": 3},
    ],
    "loss": "softmax_with_loss",
    "optimizer": {"type": "sgd", "learning_rate": 0.1},
    "training": {"epochs": 1, "batch_size": 12},
}

FILES = (["spec.json"], ["run.json"], ["best.npz"], ["run.json", "best.npz"])
"""What is damaged at once."""

WEIGHTS = (
    lambda a: a * np.nan,
    lambda a: np.full(a.shape, 1e300),
    lambda a: np.full(a.shape, np.inf),
    lambda a: a * 1j,
    lambda a: a > 0,
    lambda a: np.zeros(a.shape, "M8[s]"),
    lambda a: np.full(a.shape, "x"),
    lambda a: a.astype(object),
    lambda a: a[..., np.newaxis],
    lambda a: np.asfortranarray(a).astype(">f8"),
    lambda a: a.astype(np.float16),
    lambda a: np.zeros(0),
)
"""What may be stored in the place of parameters."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The registry, and the folder of a run."""
    registry = load_registry()
    experiment = build_experiment(parse_spec(json.dumps(SPEC), registry))
    folder = tmp_path_factory.mktemp("runs") / "spiral"
    run_training(experiment, load_data(experiment), folder)
    return registry, folder


def damaged_archive(content, rng):
    """An archive with damage to one of its arrays, or anywhere."""
    if rng.random() < 0.3:
        return damaged(content, rng)
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as whole, zipfile.ZipFile(file, "w") as archive:
        names = whole.namelist()
        wrong, how = rng.choice(names), rng.random()
        for name in names:
            member = whole.read(name)
            if name == wrong:
                if how < 0.4:
                    member = damaged(member, rng)
                elif how < 0.9:
                    stored = io.BytesIO()
                    np.save(stored, rng.choice(WEIGHTS)(np.load(io.BytesIO(member))))
                    member = stored.getvalue()
                else:
                    name = rng.choice(("../up.npy", "x", "layers[9].W.npy", "\x1b[2J.npy"))
            archive.writestr(name, member)
    return file.getvalue()


def test_a_damaged_folder_is_loaded_or_refused(trained, tmp_path):
    registry, whole = trained
    folder = tmp_path / "run"

    def read(rng):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(whole, folder)
        for name in rng.choice(
            (["spec.json"], ["run.json"], ["best.npz"], ["run.json", "best.npz"])
        ):
            file = folder / name
            change = damaged_archive if name == "best.npz" else damaged
            file.write_bytes(change(file.read_bytes(), rng))
        with warnings.catch_warnings():
            # That the components are not those of the lock, where the spec has changed.
            warnings.filterwarnings("ignore", "(?s).*the lock|.*still has version", UserWarning)
            network = load_model(folder, registry=registry)
        assert np.isfinite(network.params).all()
        assert np.isfinite(network.states).all()
        shape = network.shapes[0]
        if math.prod(shape) < 10_000:
            assert len(network.predict(np.ones((2, *shape)))) == 2

    outcomes = tried(read)

    assert {"read", "DataError", "SpecError"} <= set(outcomes)
