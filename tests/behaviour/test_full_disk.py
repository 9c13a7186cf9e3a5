"""A disk that fills during a run is reported with the file, and no file is left incomplete."""

import json
from pathlib import Path

import numpy as np
import pytest

resource = pytest.importorskip("resource")  # which Windows does not have

SPEC = {
    "version": 1,
    "name": "full",
    "data": {"type": "spiral", "per_class": 20, "validation_fraction": 0.2},
    "layers": [{"type": "affine", "units": 40}, "relu", {"type": "affine", "units": 3}],
    "loss": "softmax_with_loss",
    "optimizer": {"type": "sgd", "learning_rate": 0.1},
    "training": {"steps": 60, "batch_size": 12, "evaluate_every": 1},
}


@pytest.fixture
def run(process):
    """Run the command where no file can be longer, as none can on a disk that is full."""

    def call(limit, *arguments):
        return process(
            *("run", "spec.json", "--out", "out", "--quiet", *arguments),
            env={"LAYERKIT_PLUGINS": ""},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )

    return call


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("spec.json").write_text(json.dumps(SPEC))


@pytest.fixture
def sizes(run):
    """The sizes of the files of a run that has room."""
    assert run(10**6).returncode == 0
    found = {p.name: p.stat().st_size for p in Path("out").iterdir()}
    Path("out").rename("whole")
    return found


def assert_whole(folder):
    for file in folder.iterdir():
        assert not file.name.startswith(".")
        if file.suffix == ".npz":
            with np.load(file) as saved:
                assert all(np.isfinite(saved[name]).all() for name in saved)
        elif file.suffix == ".json":
            json.loads(file.read_text())
        else:
            text = file.read_text()
            assert text == "" or text.endswith("\n")
            assert all(json.loads(line)["step"] for line in text.splitlines())


@pytest.mark.parametrize("name", ["spec.json", "spec.lock.json", "best.npz", "metrics.jsonl"])
def test_a_file_for_which_there_is_no_room_is_named_and_the_others_are_whole(run, sizes, name):
    # In this order they are ever larger, so that this one is the first that does not fit.
    done = run(sizes[name] - 1)

    reason = f"out/{name}: cannot be written: File too large"
    assert (done.returncode, done.stderr) == (1, f"layerkit: {reason}\n")
    if name in ("spec.json", "spec.lock.json"):
        # Nothing was trained, so there is nothing to keep.
        assert not Path("out").exists()
    else:
        assert_whole(Path("out"))
        record = json.loads(Path("out", "run.json").read_text())
        assert (record["status"], record["reason"]) == ("failed", reason)
