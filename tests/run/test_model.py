import json
import os
import shutil
import zipfile

import numpy as np
import pytest

from layerkit import DataError, UserError, load_model, load_registry
from layerkit.builder import build_experiment
from layerkit.run import load_data, run_training
from layerkit.spec import parse_spec

SPEC = {
    "version": 1,
    "data": {"type": "spiral", "per_class": 20, "validation_fraction": 0.2},
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

    with pytest.warns(UserWarning, match="numpy still has version .*have changed$"):
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


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        (["2"], '["2"]'),
        ("2", '"2"'),
        ([2.0], "[2.0]"),
        ([True], "[true]"),
        ([[2]], "[[2]]"),
        ([0], "[0]"),
        ([-2], "[-2]"),
        ([2**63], "[9223372036854775808]"),
        ({"a": 1}, '{"a": 1}'),
        (None, "null"),
    ],
)
def test_a_shape_that_is_none_is_refused(folder, shape, told):
    (folder / "run.json").write_text(json.dumps({"input_shape": shape}))

    with pytest.raises(DataError) as caught:
        load_model(folder)

    assert str(caught.value) == (
        f"{folder}/run.json: input_shape must be an array of integers above 0, got {told}; "
        "it is not the record of a run"
    )


@pytest.mark.parametrize("shape", [[3], [10**18], [2, 2]])
def test_a_shape_that_the_parameters_do_not_have_is_refused_before_memory_is_taken(folder, shape):
    (folder / "run.json").write_text(json.dumps({"input_shape": shape}))

    with pytest.raises(UserError, match=r"last\.npz: must hold layers\[0\]\.W of shape|vectors"):
        load_model(folder)


@pytest.mark.parametrize("content", [b"[" * 100_000, b"\xff", b"[1]", b" " * 1_000_001])
def test_a_record_that_is_none_is_refused(folder, content):
    (folder / "run.json").write_bytes(content)

    with pytest.raises(DataError, match=r"run\.json: has no input_shape; it is not the record"):
        load_model(folder)


def test_the_spec_of_a_graph_is_refused(folder):
    graph = {"version": 1, "inputs": {"x": 1}, "layers": [{"type": "mul", "inputs": ["x", "x"]}]}
    (folder / "spec.json").write_text(json.dumps(graph))

    with pytest.raises(DataError, match=r"spec\.json: is the spec of a graph, which is not"):
        load_model(folder)


FINITE = " must be a finite number in float32, got"


def with_arrays(folder, **changed):
    """Store the parameters of a run again, some of them changed."""
    with np.load(folder / "best.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    np.savez(
        folder / "best.npz", **{n: changed.get(n[-1], lambda a: a)(a) for n, a in arrays.items()}
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda w: w * np.nan, f"[0, 0]{FINITE} nan"),
        (lambda w: np.where(w == w[1, 2], np.inf, w), f"[1, 2]{FINITE} inf"),
        (lambda w: np.full(w.shape, 1e300), f"[0, 0]{FINITE} 1e+300"),
        (lambda w: w * 1j, " must hold floats, got complex64"),
        (lambda w: w > 0, " must hold floats, got bool"),
        (lambda w: np.ones(w.shape, int), " must hold floats, got int64"),
        (lambda w: np.zeros(w.shape, "M8[s]"), " must hold floats, got datetime64[s]"),
        (lambda w: np.full(w.shape, "x"), " must hold floats, got <U1"),
        (lambda w: w.astype(object), " must hold floats, got object"),
        (lambda w: np.zeros(w.shape, [("a", "f4")]), " must hold floats, got |V0"),
    ],
    ids=["nan", "inf", "large", "complex", "bool", "int", "time", "text", "object", "record"],
)
def test_parameters_that_are_no_finite_floats_are_refused(folder, change, told):
    with_arrays(folder, W=change)

    with pytest.raises(DataError) as caught:
        load_model(folder)

    assert str(caught.value) == f"{folder}/best.npz: layers[0].W{told}"


def test_parameters_of_the_other_float_type_are_converted(folder, trained):
    with_arrays(folder, W=lambda w: np.asfortranarray(w.astype(">f8")))

    loaded = load_model(folder)

    np.testing.assert_array_equal(loaded.predict(X), load_model(trained[1]).predict(X))


def rewrite(folder, name, content):
    """Replace a member of the archive of parameters."""
    path = folder / "best.npz"
    with zipfile.ZipFile(path) as archive:
        members = {n: archive.read(n) for n in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for n, old in members.items():
            archive.writestr(n, content if n == name else old)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"text", "EOF: reading magic string"),
        (b"\x93NUMPY\x01\x00\x04\x00{(\n ", "cannot parse the header: '{('"),
        (b"\x93NUMPY\x01\x00\xff", "EOF: the header ends after 1 of 2 bytes"),
    ],
)
def test_a_member_that_is_no_array_is_named(folder, content, told):
    rewrite(folder, "layers[0].W.npy", content)

    with pytest.raises(DataError) as caught:
        load_model(folder)

    assert str(caught.value).startswith(f"{folder}/best.npz: layers[0].W is damaged: {told}")


@pytest.mark.parametrize(
    ("field", "bits", "told"),
    [
        (8, 1, "it is encrypted; store it without a password"),
        (10, 99, "That compression method is not supported"),
    ],
)
def test_one_changed_byte_of_the_archive_is_reported(folder, field, bits, told):
    content = bytearray((folder / "best.npz").read_bytes())
    content[content.find(b"PK\x01\x02") + field] ^= bits
    content[content.find(b"PK\x03\x04") + field - 2] ^= bits
    (folder / "best.npz").write_bytes(content)

    with pytest.raises(DataError, match=rf"best\.npz: layers\[0\]\.W is damaged: {told}"):
        load_model(folder)


@pytest.mark.parametrize("name", ["run.json", "best.npz"])
def test_a_pipe_in_the_folder_is_refused_and_not_waited_for(folder, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)

    with pytest.raises(UserError, match=rf"{name}: cannot be read: expected a file, got a pipe"):
        load_model(folder)


@pytest.mark.parametrize("path", [3, None, b"runs", [1]], ids=repr)
def test_a_folder_is_a_path(path):
    with pytest.raises(UserError, match=r"^a path must be a str or a pathlib\.Path, got "):
        load_model(path)


@pytest.mark.parametrize("parameters", ["first", "BEST", 0, ["best"]], ids=repr)
def test_parameters_are_the_best_or_the_last(folder, parameters):
    with pytest.raises(UserError) as refusal:
        load_model(folder, parameters)

    assert str(refusal.value) == f"parameters must be 'best' or 'last', got {parameters!r}"


def test_a_registry_is_one(folder):
    with pytest.raises(UserError, match=r"^registry must be an instance of Registry, got 3$"):
        load_model(folder, registry=3)
