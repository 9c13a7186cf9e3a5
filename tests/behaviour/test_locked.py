"""``layerkit run --locked``: a run is repeated only with the inputs that it was made from."""

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
from identity import identity_plugin

from layerkit import load_registry
from layerkit.run import provenance
from layerkit.run.locks import lock
from layerkit.spec import load_spec

SPEC = {
    "version": 1,
    "data": {"type": "spiral", "per_class": 4, "validation_fraction": 0.2},
    "layers": [{"type": "affine", "units": 3}, "swish"],
    "loss": "softmax_with_loss",
    "optimizer": {"type": "sgd", "learning_rate": 0.1},
    "training": {"steps": 1},
}

SWISH = identity_plugin("swish")


@pytest.fixture
def spec(tmp_path):
    """A spec in a file of its own, which uses a layer of an installed plugin."""
    file = tmp_path / "net.json"
    file.write_text(json.dumps(SPEC))
    return file


def change(lock_file, name):
    """Make a lock say that a package had other files."""
    records = json.loads(lock_file.read_text())
    for record in records["packages"]:
        if record["name"] == name:
            record["sha256"] = "0" * 64
    lock_file.write_text(json.dumps(records))


def test_the_command_warns_of_changed_code_and_refuses_where_locked(
    install, spec, tmp_path, layerkit
):
    install("layerkit-foo")
    layerkit("run", spec, "--quiet", "--out", tmp_path / "first")
    (tmp_path / "net.lock.json").write_text((tmp_path / "first" / "spec.lock.json").read_text())

    unchanged = layerkit("run", spec, "--quiet", "--locked", "--out", tmp_path / "second")
    change(tmp_path / "net.lock.json", "layerkit-foo")
    warned = layerkit("run", spec, "--quiet", "--out", tmp_path / "third")
    refused = layerkit("run", spec, "--quiet", "--locked", "--out", tmp_path / "fourth")

    assert (unchanged.code, unchanged.err) == (0, "")
    assert warned.code == 0
    told = "layerkit-foo still has version 1.0, but its files have changed"
    assert warned.err == f"warning: {tmp_path}/net.lock.json: {told}\n"
    assert refused.code == 2
    assert f"the code is not the one that was locked: {told}" in refused.err
    assert not (tmp_path / "fourth").exists()


def test_a_changed_data_file_of_a_plugin_is_refused_where_locked(install, spec, tmp_path, layerkit):
    install("layerkit-foo")
    site = tmp_path / "site-packages"
    (site / "weights.bin").write_bytes(b"1234")
    (site / "layerkit_foo-1.0.dist-info" / "RECORD").write_text(
        "layerkit_foo.py,,\nweights.bin,,\n"
    )
    layerkit("run", spec, "--quiet", "--out", tmp_path / "first")
    (tmp_path / "net.lock.json").write_text((tmp_path / "first" / "spec.lock.json").read_text())

    unchanged = layerkit("run", spec, "--quiet", "--locked", "--out", tmp_path / "second")
    (site / "weights.bin").write_bytes(b"12345678")
    refused = layerkit("run", spec, "--quiet", "--locked", "--out", tmp_path / "third")

    assert (unchanged.code, unchanged.err) == (0, "")
    assert refused.code == 2
    assert "layerkit-foo still has version 1.0, but its files have changed" in refused.err


def test_a_plugin_that_is_spelt_otherwise_is_the_same(install, spec, tmp_path, layerkit):
    install("layerkit-foo")
    layerkit("run", spec, "--quiet", "--out", tmp_path / "first")
    (tmp_path / "net.lock.json").write_text((tmp_path / "first" / "spec.lock.json").read_text())

    metadata = tmp_path / "site-packages" / "layerkit_foo-1.0.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("layerkit-foo", "Layerkit_Foo"))
    again = layerkit("run", spec, "--quiet", "--locked", "--out", tmp_path / "second")

    assert (again.code, again.err) == (0, "")


def test_another_machine_is_warned_of_even_where_locked(install, spec, tmp_path, layerkit):
    install("layerkit-foo")
    layerkit("run", spec, "--quiet", "--out", tmp_path / "first")
    records = json.loads((tmp_path / "first" / "spec.lock.json").read_text())
    records["machine"]["processor"] = "MOS 6502"
    (tmp_path / "net.lock.json").write_text(json.dumps(records))

    again = layerkit("run", spec, "--quiet", "--locked", "--out", tmp_path / "second")

    assert again.code == 0
    assert "the machine differs, so the last digits may: processor was MOS 6502, now " in again.err


def test_a_plugin_in_an_archive_runs_and_is_locked(tmp_path, layerkit, monkeypatch, plugin_folders):
    (tmp_path / "net.json").write_text(json.dumps(SPEC))
    with zipfile.ZipFile(tmp_path / "plugins.zip", "w") as archive:
        archive.writestr("layerkit_zip.py", SWISH)
        info = "layerkit_zip-1.0.dist-info"
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: layerkit-zip\nVersion: 1.0\n"
        )
        archive.writestr(f"{info}/entry_points.txt", "[layerkit]\nzip = layerkit_zip\n")
    monkeypatch.syspath_prepend(tmp_path / "plugins.zip")
    plugin_folders.append(tmp_path / "plugins.zip")

    outcome = layerkit("run", tmp_path / "net.json", "--quiet", "--out", tmp_path / "first")
    again = layerkit("run", tmp_path / "first" / "spec.json", "--quiet", "--locked")

    assert (outcome.code, outcome.err) == (0, "")
    assert (again.code, again.err) == (0, "")
    [package] = [
        package
        for package in json.loads((tmp_path / "first" / "spec.lock.json").read_text())["packages"]
        if package["name"] == "layerkit-zip"
    ]
    content = hashlib.sha256(SWISH.encode()).hexdigest()
    assert package["sha256"] == hashlib.sha256(f"layerkit_zip.py {content}\n".encode()).hexdigest()


def test_a_missing_plugin_is_named_with_its_package(install, spec, tmp_path, layerkit, monkeypatch):
    install("layerkit-foo")
    layerkit("run", spec, "--quiet", "--out", tmp_path / "first")
    monkeypatch.setenv("LAYERKIT_PLUGINS", "")

    for verb in ("run", "check"):
        outcome = layerkit(verb, tmp_path / "first" / "spec.json")

        assert outcome.code == 2
        assert (
            'no layer is named "swish"; it came from layerkit-foo 1.0, which is not installed'
        ) in outcome.err


def test_a_graph_has_a_lock_too(tmp_path, layerkit):
    file = tmp_path / "graph.json"
    file.write_text('{"version": 1, "inputs": {"x": 2}, "layers": ["relu"]}')
    records = provenance(load_spec(file, load_registry()))
    (tmp_path / "graph.lock.json").write_text(json.dumps(lock(records)))

    assert [c.name for c in records.components] == ["layerkit/relu"]
    assert [p.name for p in records.packages] == ["layerkit", "numpy"]
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
    for name in ("spec.lock.json", "metrics.jsonl", "last.npz"):
        assert Path("out/first", name).read_bytes() == Path("out/second", name).read_bytes()
