import json
import shutil

import numpy as np
import pytest

from layerkit import DataError, UserError, load_model, load_registry
from layerkit.builder import build_experiment
from layerkit.run import load_data, run_training
from layerkit.spec import parse_spec

SPEC = {
    "version": 1,
    "data": {"type": "spiral", "per_class": 20},
    "layers": [{"type": "affine", "units": 8}, "batch_norm", {"type": "affine", "units": 3}],
    "loss": "softmax_with_loss",
    "optimizer": {"type": "sgd", "learning_rate": 0.1},
    "training": {"epochs": 3, "batch_size": 12},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The network of a run, as it was at its end, and the folder of the run."""
    experiment = build_experiment(parse_spec(json.dumps(SPEC), load_registry()))
    folder = tmp_path_factory.mktemp("runs") / "spiral"
    run_training(experiment, load_data(experiment), folder)
    return experiment.network, folder


@pytest.fixture
def folder(trained, tmp_path):
    """A copy of the folder of the run, to damage."""
    return shutil.copytree(trained[1], tmp_path / "copy")


X = np.array([[0.5, -0.25], [1.0, 0.0]])


def test_the_network_of_a_run_predicts_what_it_did_at_its_end(trained):
    network, folder = trained

    loaded = load_model(folder, "last")

    np.testing.assert_array_equal(loaded.predict(X), network.predict(X))
    np.testing.assert_array_equal(loaded.states, network.states)
    assert loaded.dtype == network.dtype


def test_the_best_parameters_are_the_default(trained):
    best = np.load(trained[1] / "best.npz")

    loaded = load_model(trained[1])

    np.testing.assert_array_equal(loaded.parameters["layers[0].W"].value, best["layers[0].W"])


def test_a_model_needs_no_data(trained, folder):
    spec = json.loads((folder / "spec.json").read_text())
    spec["data"] = {"type": "npz", "path": "gone.npz"}
    (folder / "spec.json").write_text(json.dumps(spec))

    loaded = load_model(folder, "last")

    np.testing.assert_array_equal(loaded.predict(X), trained[0].predict(X))


def test_changed_code_is_warned_of_or_refused(folder):
    lock = folder / "spec.lock.json"
    records = json.loads(lock.read_text())
    for record in records["packages"]:
        record["sha256"] = "0" * 64 if record["name"] == "numpy" else record["sha256"]
    records["machine"]["processor"] = "MOS 6502"  # which a prediction does not ask for
    lock.write_text(json.dumps(records))

    with pytest.warns(UserWarning, match="numpy is still of version .*have changed$"):
        load_model(folder)
    with pytest.raises(UserError, match="the code is not the one that was locked"):
        load_model(folder, locked=True)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"spec\.json"):
        load_model(tmp_path)


@pytest.mark.parametrize("name", ["run.json", "best.npz"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()

    with pytest.raises(UserError, match=rf"{name}: cannot be read: No such file or directory"):
        load_model(folder)


def test_a_record_without_the_shape_is_refused(folder):
    (folder / "run.json").write_text("{}")

    with pytest.raises(DataError, match=r"run\.json: has no input_shape; it is not the record"):
        load_model(folder)


@pytest.mark.parametrize("length", [0, 10, 400])
def test_damaged_parameters_are_refused(folder, length):
    file = folder / "best.npz"
    file.write_bytes(file.read_bytes()[:length])

    with pytest.raises(DataError, match=r"best\.npz: is damaged"):
        load_model(folder)


def test_parameters_of_another_network_are_refused(folder):
    np.savez(folder / "best.npz", **{"layers[0].W": np.zeros((3, 3))})

    with pytest.raises(
        DataError, match=r"must hold layers\[0\]\.W of shape \(2, 8\), got \(3, 3\)"
    ):
        load_model(folder)
