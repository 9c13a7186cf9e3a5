"""The package as a whole: what it exports, and what importing it costs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import layerkit

SPEC = Path(__file__).parents[1] / "specs" / "mnist_two_layer.json"


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules that a fresh Python has loaded after a statement."""
    code = f"import json, sys; {statement}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


def test_what_a_layer_needs_loads_neither_pydantic_nor_typer_nor_rich():
    loaded = loaded_by("from layerkit import Layer, Network, Parameter, PositiveInt, hookimpl")

    assert not loaded & {"pydantic", "pydantic_core", "typer", "rich", "click", "pooch"}


def test_the_command_line_starts_without_what_only_its_verbs_need():
    needed_later = {"numpy", "pydantic", "rich", "pooch", "threadpoolctl"}

    assert not loaded_by("import layerkit.cli") & needed_later


def test_all_names_every_public_name_and_each_can_be_had():
    public = {
        name
        for name, value in vars(layerkit).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("layerkit")
    }

    assert public <= set(layerkit.__all__)
    assert set(layerkit.__all__) <= set(dir(layerkit))
    for name in layerkit.__all__:
        assert getattr(layerkit, name) is not None


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'Afine'"):
        _ = layerkit.Afine


@pytest.mark.slow
def test_training_on_mnist_stays_below_200_megabytes(mnist_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("LAYERKIT_PLUGINS", "")  # whatever those that are installed may take
    code = (
        "import resource, subprocess, sys;"
        f"subprocess.run([sys.executable, '-m', 'layerkit', 'run', '{SPEC}',"
        f"'--set', 'training.steps=700', '--quiet', '--out', '{tmp_path / 'run'}'], check=True);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"  # Linux: kilobytes
    )

    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert int(done.stdout) < 200_000
