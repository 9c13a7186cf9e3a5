import json
from pathlib import Path

import pytest

from layerkit import load_registry
from layerkit.run import provenance
from layerkit.run.provenance import lock
from layerkit.spec import load_spec

SPEC = {
    "version": 1,
    "data": {"type": "spiral", "per_class": 4},
    "layers": [{"type": "affine", "units": 3}, "swish"],
    "loss": "softmax_with_loss",
    "optimizer": {"type": "sgd", "learning_rate": 0.1},
    "training": {"steps": 1},
}


@pytest.fixture
def spec(tmp_path):
    """A spec in a file of its own, which uses a layer of an installed plugin."""
    file = tmp_path / "net.json"
    file.write_text(json.dumps(SPEC))
    return file


def change(lock_file, name):
    """Make a lock say that a component had another source."""
    records = json.loads(lock_file.read_text())
    for record in records["components"]:
        if record["name"] == name:
            record["source"] = "0" * 64
    lock_file.write_text(json.dumps(records))


def test_the_command_warns_of_changed_code_and_refuses_where_locked(
    install, spec, tmp_path, layerkit
):
    install("layerkit-foo")
    layerkit("run", spec, "--quiet", "--out", tmp_path / "first")
    (tmp_path / "net.lock.json").write_text((tmp_path / "first" / "spec.lock.json").read_text())

    unchanged = layerkit("run", spec, "--quiet", "--locked", "--out", tmp_path / "second")
    change(tmp_path / "net.lock.json", "layerkit-foo/swish")
    warned = layerkit("run", spec, "--quiet", "--out", tmp_path / "third")
    refused = layerkit("run", spec, "--quiet", "--locked", "--out", tmp_path / "fourth")

    assert (unchanged.code, unchanged.err) == (0, "")
    assert warned.code == 0
    told = "layer layerkit-foo/swish is still of version 1.0, but its source has changed"
    assert warned.err == f"warning: {tmp_path}/net.lock.json: {told}\n"
    assert refused.code == 2
    assert f"the code is not the one that was locked: {told}" in refused.err
    assert not (tmp_path / "fourth").exists()


def test_a_graph_has_a_lock_too(tmp_path, layerkit):
    file = tmp_path / "graph.json"
    file.write_text('{"version": 1, "inputs": {"x": 2}, "layers": ["relu"]}')
    records = provenance(load_spec(file, load_registry()))
    (tmp_path / "graph.lock.json").write_text(json.dumps(lock(records)))

    assert [r.name for r in records] == ["layerkit/relu"]
    assert layerkit("run", file, "--locked", "--quiet").code == 0


def test_the_folder_of_a_run_holds_a_spec_that_can_be_run_again_with_its_lock(
    tmp_path, layerkit, monkeypatch
):
    (tmp_path / "data.csv").write_text("a,b,y\n" + "1,2,3\n2,1,4\n3,5,1\n0,4,2\n" * 5)
    spec = {
        "version": 1,
        "data": {"type": "csv", "path": "data.csv", "target": "y", "task": "regression"},
        "layers": [{"type": "affine", "units": 1}],
        "loss": "mean_squared_error",
        "optimizer": {"type": "sgd", "learning_rate": 0.01},
        "training": {"epochs": 2},
    }
    (tmp_path / "fit.json").write_text(json.dumps(spec))
    monkeypatch.chdir(tmp_path)
    first = layerkit("run", "fit.json", "--quiet", "--out", "out/first")

    again = layerkit("run", "out/first/spec.json", "--locked", "--quiet", "--out", "out/second")

    assert (first.code, again.code) == (0, 0), first.err + again.err
    for name in ("spec.lock.json", "metrics.jsonl", "last.npz", "best.npz"):
        assert Path("out/first", name).read_bytes() == Path("out/second", name).read_bytes()
